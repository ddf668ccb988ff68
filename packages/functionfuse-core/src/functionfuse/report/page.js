// The run's data, and what all parts of the page share.

const run = JSON.parse(document.getElementById("data").textContent);
const STATES = ["executed", "loaded", "skipped", "failed", "pending"];
const count = run.nodes.name.length;
const instances = new Set(run.instances);
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
  error: run.errors[i] ?? null,
  parents: run.nodes.parents[i],
  follows: run.follows[i] ?? null, // A call on the same instance, whose result it does not take.
  isInstance: instances.has(i),
}));

function byId(id) {
  return document.getElementById(id);
}

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A button that looks like text and searches for something.
function searchButton(search, ...children) {
  const button = element("button", { type: "button", class: "plain" }, ...children);
  button.addEventListener("click", () => searchFor(search));
  return button;
}

function seconds(value) {
  if (value === null) return "";
  if (value < 0) return `\u2212${seconds(-value)}`;
  if (value === 0) return "0 s";
  if (value < 1e-6) return "<1 µs";
  if (value < 0.001) return `${(value * 1e6).toFixed(0)} µs`;
  if (value < 1) return `${(value * 1e3).toFixed(value < 0.01 ? 1 : 0)} ms`;
  if (value < 60) return `${value.toFixed(value < 10 ? 2 : 1)} s`;
  const whole = Math.round(value);
  const clock = [Math.floor((whole % 3600) / 60), whole % 60];
  if (whole >= 3600) clock.unshift(Math.floor(whole / 3600));
  return clock.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

// Nothing takes no time: what is recorded as zero, or less by an adjusted clock, was too short.
function lasting(value) {
  return value < 1e-6 ? "<1 µs" : seconds(value);
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
  if (node.started !== null) lines.push(`${lasting(node.duration)} from ${seconds(node.started)}`);
  if (node.stored_bytes) lines.push(size(node.stored_bytes));
  if (node.worker) lines.push(node.worker);
  if (node.reason) lines.push(node.reason);
  return lines.join("\n");
}

const byText = new Intl.Collator(undefined, { numeric: true }).compare;

function tally(states) {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const state of states) counts[state] += 1;
  return counts;
}
