// Why nodes failed: one entry for each message, however many nodes say it.

const MOST_MESSAGES = 20;
const MOST_NAMES = 20;

function byMessage(failed) {
  const groups = new Map();
  for (const node of failed) {
    if (!groups.has(node.error.message)) groups.set(node.error.message, []);
    groups.get(node.error.message).push(node);
  }
  return groups;
}

function failureEntry(message, failed) {
  const title =
    failed.length === 1
      ? [`${failed[0].name}: ${message}`]
      : [message, element("span", { class: "times" }, ` × ${failed.length}`)];
  const names = element("p", { class: "names" });
  for (const node of failed.slice(0, MOST_NAMES)) names.append(searchButton(`node:${node.name}`, node.name));
  if (failed.length > MOST_NAMES) names.append(`and ${failed.length - MOST_NAMES} more`);
  const entry = element("details", {}, element("summary", {}, ...title), names);
  const traceback = failed.map((node) => node.error.traceback).find(Boolean);
  if (traceback) entry.append(element("pre", { tabindex: 0 }, traceback));
  return entry;
}

function showFailures() {
  const groups = [...byMessage(nodes.filter((node) => node.error))];
  byId("failures").hidden = groups.length === 0;
  byId("failures").append(...groups.slice(0, MOST_MESSAGES).map((group) => failureEntry(...group)));
  if (groups.length > MOST_MESSAGES) {
    const search = "state:failed";
    byId("failures").append(
      element("p", {}, `and ${groups.length - MOST_MESSAGES} more: search `, searchButton(search, search)),
    );
  }
}

showFailures();
