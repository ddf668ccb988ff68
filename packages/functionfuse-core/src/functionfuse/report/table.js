// All nodes in a table that can be sorted and searched.

const MOST_ROWS = 500;
const MOST_PARENTS = 3;
const COLUMNS = [
  { key: "name", title: "node" },
  { key: "function", title: "function" },
  { key: "state", title: "state" },
  { key: "started", title: "started", show: seconds, isNumber: true },
  { key: "duration", title: "duration", show: lasting, isNumber: true },
  { key: "stored_bytes", title: "size", show: size, isNumber: true },
  { key: "worker", title: "worker" },
  { key: "parentNames", title: "parents" },
  { key: "reason", title: "reason" },
];
const order = { key: null, sign: 1 };
let columns = [];
let limit = MOST_ROWS;

function listed(parents) {
  const names = parents.slice(0, MOST_PARENTS).map((parent) => nodes[parent].name);
  const more = parents.length - names.length;
  return names.join(", ") + (more ? ` and ${more} more` : "");
}

function cell(node, { key, show, isNumber }) {
  const made = element("td", { class: isNumber ? "number" : key });
  if (key === "state") made.append(element("span", { class: `dot ${node.state}` }));
  if (key === "duration" && node.started === null) return made;
  made.append(show ? show(node[key]) : node[key]);
  return made;
}

function compared(a, b) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return typeof a === "number" ? a - b : byText(a, b);
}

function showRows() {
  const found = findNodes(byId("search").value);
  if (order.key) found.sort((a, b) => order.sign * compared(a[order.key], b[order.key]));
  const shown = found.slice(0, limit);
  byId("rows").replaceChildren(
    ...shown.map((node) => element("tr", {}, ...columns.map((column) => cell(node, column)))),
  );
  byId("found").textContent = `${found.length} of ${count} nodes`;
  byId("more").hidden = shown.length === found.length;
  byId("more").textContent = `Show all ${found.length}`;
}

function sortBy(key, isNumber) {
  const isSame = order.key === key;
  order.sign = isSame ? -order.sign : isNumber ? -1 : 1;
  order.key = key;
  for (const heading of byId("columns").children) heading.removeAttribute("aria-sort");
  const heading = byId("columns").children[columns.findIndex((column) => column.key === key)];
  heading.setAttribute("aria-sort", order.sign > 0 ? "ascending" : "descending");
  showRows();
}

function searchAnew() {
  limit = MOST_ROWS;
  showRows();
}

function searchFor(text) {
  byId("search").value = text;
  searchAnew();
  byId("search").scrollIntoView({ behavior: "smooth" });
}

function showAll() {
  limit = Infinity;
  showRows();
}

function showTable() {
  for (const node of nodes) node.parentNames = listed(node.parents);
  columns = COLUMNS.filter(({ key }) => key === "name" || nodes.some((node) => node[key]));
  for (const { key, title, isNumber } of columns) {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", () => sortBy(key, isNumber));
    byId("columns").append(element("th", { scope: "col", class: isNumber ? "number" : "" }, button));
  }
  byId("search").addEventListener("input", searchAnew);
  byId("more").addEventListener("click", showAll);
  showRows();
}

showTable();
