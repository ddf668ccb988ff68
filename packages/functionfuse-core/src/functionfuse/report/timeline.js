// When which node ran where: a lane for each worker.

const BAR = { height: 12, gap: 3 };
const LEAST_SHARE = 0.15;
const WIDE_SHARE = 0.5;
const MOST_BARS = 20000;
const TICKS = 5;
const LAST_TICK = 0.93;
const CLOCKS_DIFFER_S = 0.001;

function packed(bars) {
  // Bars that overlap, as those of containers and coroutines, go below each other.
  const ends = [];
  for (const bar of bars.sort((a, b) => a.started - b.started)) {
    const free = ends.findIndex((end) => end <= bar.started + CLOCKS_DIFFER_S);
    const row = free < 0 ? ends.length : free;
    ends[row] = bar.started + bar.duration;
    bar.row = row;
  }
  return ends.length;
}

function tickStep(length) {
  const rough = length / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

function drawAxis(length) {
  const svg = drawn("svg", { height: 18, class: "axis" });
  const step = tickStep(length);
  for (let tick = 0; tick <= LAST_TICK * length; tick += step) {
    const share = (100 * tick) / length;
    const anchor = tick ? "middle" : "start";
    svg.append(drawn("text", { x: `${share}%`, y: 13, "text-anchor": anchor }, seconds(tick)));
  }
  return svg;
}

function drawLane(bars, length) {
  const rows = packed(bars);
  const svg = drawn("svg", { height: rows * (BAR.height + BAR.gap) });
  for (const bar of bars) {
    const share = (100 * bar.duration) / length;
    const attributes = {
      class: share > WIDE_SHARE ? `wide ${bar.state}` : bar.state,
      x: `${(100 * bar.started) / length}%`,
      y: bar.row * (BAR.height + BAR.gap),
      width: `${Math.max(share, LEAST_SHARE)}%`,
      height: BAR.height,
      rx: 2,
    };
    svg.append(drawn("rect", attributes, drawn("title", {}, describe(bar))));
  }
  return svg;
}

function showTimeline() {
  const ran = nodes.filter((node) => node.started !== null);
  const bars = [...ran].sort((a, b) => b.duration - a.duration).slice(0, MOST_BARS);
  if (!bars.length) {
    byId("timeline-note").textContent = "Nothing ran.";
    byId("timeline").hidden = true;
    return;
  }
  if (bars.length < ran.length) {
    byId("timeline-note").textContent = `The ${bars.length} longest of ${ran.length} nodes.`;
  }
  const length = bars.reduce((end, bar) => Math.max(end, bar.started + bar.duration), run.seconds);
  const lanes = new Map();
  for (const bar of bars) {
    if (!lanes.has(bar.worker)) lanes.set(bar.worker, []);
    lanes.get(bar.worker).push(bar);
  }
  const add = (name, lane) =>
    byId("timeline").append(
      element("div", { class: "worker", title: name }, name),
      element("div", { class: "lane" }, lane),
    );
  add("", drawAxis(length));
  const names = [...lanes.keys()].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  for (const name of names) add(name, drawLane(lanes.get(name), length));
}

showTimeline();
