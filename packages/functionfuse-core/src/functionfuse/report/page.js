// The run's data, and what all parts of the page share.

const run = JSON.parse(document.getElementById("data").textContent);
const STATES = ["executed", "loaded", "skipped", "failed", "pending"];
const count = run.nodes.name.length;
const nodes = Array.from({ length: count }, (_, i) => ({
  position: i,
  name: run.nodes.name[i],
  function: run.functions[run.nodes.function[i]],
  state: run.nodes.state[i],
  started: run.nodes.started[i],
  duration: run.nodes.duration[i],
  stored_bytes: run.nodes.stored_bytes[i],
  worker: run.workers[run.nodes.worker[i]],
  reason: run.reasons[run.nodes.reason[i]],
  error: run.errors[i] ?? "",
  parents: run.nodes.parents[i],
}));

function byId(id) {
  return document.getElementById(id);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function seconds(value) {
  if (value === null) return "";
  if (value === 0) return "0 s";
  if (value < 0.001) return `${(value * 1e6).toFixed(0)} µs`;
  if (value < 1) return `${(value * 1e3).toFixed(value < 0.01 ? 1 : 0)} ms`;
  if (value < 60) return `${value.toFixed(value < 10 ? 2 : 1)} s`;
  const whole = Math.round(value);
  const clock = [Math.floor((whole % 3600) / 60), whole % 60];
  if (whole >= 3600) clock.unshift(Math.floor(whole / 3600));
  return clock.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

function size(value) {
  if (!value) return "";
  let unit = "B";
  for (const larger of ["kB", "MB", "GB", "TB"]) {
    if (value < 1000) break;
    value /= 1000;
    unit = larger;
  }
  return `${value.toFixed(unit === "B" ? 0 : 1)} ${unit}`;
}

function describe(node) {
  const lines = [node.name, `${node.function}: ${node.state}`];
  if (node.started !== null) lines.push(`${seconds(node.duration)} from ${seconds(node.started)}`);
  if (node.stored_bytes) lines.push(size(node.stored_bytes));
  if (node.worker) lines.push(node.worker);
  if (node.reason) lines.push(node.reason);
  return lines.join("\n");
}

function tally(states) {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const state of states) counts[state] += 1;
  return counts;
}

function showHead() {
  const began = new Date(run.started * 1000);
  byId("workflow").textContent = run.workflow;
  byId("about").textContent =
    `${run.backend}, began ${began.toLocaleString()}, took ${seconds(run.seconds)}; ` +
    `functionfuse ${run.functionfuse}, Python ${run.python}`;
  const counts = tally(run.nodes.state);
  for (const state of STATES.filter((known) => counts[known])) {
    byId("share").append(element("span", { class: state, style: `flex: ${counts[state]}` }));
    const button = element("button", { type: "button" });
    button.append(element("span", { class: `dot ${state}` }), `${counts[state]} ${state}`);
    button.addEventListener("click", () => searchFor(state));
    byId("counts").append(element("li", {}, button));
  }
  byId("share").setAttribute("aria-label", byId("counts").textContent);
}

function showFailures() {
  const failed = nodes.filter((node) => node.error);
  byId("failures").hidden = failed.length === 0;
  for (const node of failed) {
    // A traceback's lines are indented; what failed comes after them.
    const lines = node.error.trim().split("\n");
    const last = lines[lines.findLastIndex((line) => /^\s+\S/.test(line)) + 1] ?? "";
    byId("failures").append(
      element("details", {}, element("summary", {}, `${node.name}: ${last}`), element("pre", {}, node.error)),
    );
  }
}

showHead();
showFailures();
