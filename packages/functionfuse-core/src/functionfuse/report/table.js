// All nodes in a table that can be sorted and searched.

const MOST_ROWS = 500;
const COLUMNS = [
  { key: "name", title: "node" },
  { key: "function", title: "function" },
  { key: "state", title: "state" },
  { key: "started", title: "started", show: seconds, isNumber: true },
  { key: "duration", title: "duration", show: seconds, isNumber: true },
  { key: "stored_bytes", title: "size", show: size, isNumber: true },
  { key: "worker", title: "worker" },
  { key: "reason", title: "reason" },
].filter(({ key }) => key === "name" || nodes.some((node) => node[key]));
const order = { key: null, sign: 1 };
let limit = MOST_ROWS;

for (const node of nodes) {
  node.text = [node.name, node.function, node.state, node.worker, node.reason].join("\n").toLowerCase();
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
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}

function showRows() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = nodes.filter((node) => words.every((word) => node.text.includes(word)));
  if (order.key) found.sort((a, b) => order.sign * compared(a[order.key], b[order.key]));
  const shown = found.slice(0, limit);
  byId("rows").replaceChildren(
    ...shown.map((node) => element("tr", {}, ...COLUMNS.map((column) => cell(node, column)))),
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
  const heading = byId("columns").children[COLUMNS.findIndex((column) => column.key === key)];
  heading.setAttribute("aria-sort", order.sign > 0 ? "ascending" : "descending");
  showRows();
}

function searchFor(text) {
  byId("search").value = text;
  showRows();
  byId("search").scrollIntoView({ behavior: "smooth" });
}

for (const { key, title, isNumber } of COLUMNS) {
  const button = element("button", { type: "button" }, title);
  button.addEventListener("click", () => sortBy(key, isNumber));
  byId("columns").append(element("th", { scope: "col", class: isNumber ? "number" : "" }, button));
}
byId("search").addEventListener("input", () => {
  limit = MOST_ROWS;
  showRows();
});
byId("more").addEventListener("click", () => {
  limit = Infinity;
  showRows();
});
showRows();
