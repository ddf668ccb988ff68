// When which node ran where: a lane for each worker.

const BAR = { height: 12, gap: 3 };
const WIDE_SHARE = 0.5;
const MOST_BARS = 20000;
const TICKS = 5;
const LAST_TICK = 0.93;
const CLOCKS_DIFFER_S = 0.001;
const LEAST_LENGTH_S = 1e-6;

// A clock that differs may put a node outside the run: it is moved into it, as long as it was.
function makeBars(ran, length) {
  return ran.map((node) => {
    const duration = Math.min(length, Math.max(0, node.duration));
    const start = Math.max(0, Math.min(node.started, length - duration));
    return { node, start, duration, isMoved: Math.abs(start - node.started) > CLOCKS_DIFFER_S };
  });
}

// Bars that overlap, as those of containers and coroutines, go below each other.
function packed(bars, length) {
  const overlap = Math.min(CLOCKS_DIFFER_S, length / 1000) + LEAST_LENGTH_S; // Times are rounded.
  const ends = [];
  for (const bar of bars.sort((a, b) => a.start - b.start || a.duration - b.duration)) {
    const free = ends.findIndex((end) => end <= bar.start + overlap);
    bar.row = free < 0 ? ends.length : free;
    ends[bar.row] = bar.start + bar.duration;
  }
  return ends.length;
}

function tickStep(length) {
  const rough = length / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

function drawAxis(length) {
  const axis = element("div", { class: "lane axis" });
  const step = tickStep(length);
  for (let tick = 0; tick <= LAST_TICK * length; tick += step) {
    axis.append(element("span", { style: `left: ${(100 * tick) / length}%` }, seconds(tick)));
  }
  return axis;
}

function drawLane(bars, length) {
  const row = BAR.height + BAR.gap;
  const lane = element("div", { class: "lane", style: `height: ${packed(bars, length) * row + BAR.gap}px` });
  const drawnBars = new Map();
  for (const bar of bars) {
    const [left, width] = [bar.start, bar.duration].map((time) => `${((100 * time) / length).toFixed(4)}%`);
    const isWide = bar.duration > (WIDE_SHARE / 100) * length;
    const made = element("div", {
      class: `bar ${bar.node.state}${isWide ? " wide" : ""}`,
      style: `left: ${left}; width: ${width}; top: ${bar.row * row + BAR.gap}px`,
      title: describe(bar.node),
    });
    drawnBars.set(made, bar.node);
    lane.append(made);
  }
  lane.addEventListener("click", ({ target }) => {
    if (drawnBars.has(target)) searchFor(`node:${drawnBars.get(target).name}`);
  });
  return lane;
}

function timelineNotes(ran, bars) {
  const notes = [];
  if (!ran.length) notes.push("Nothing ran.");
  if (bars.length < ran.length) notes.push(`The ${bars.length} longest of ${ran.length} nodes.`);
  if (ran.some((node) => node.state === "executed" && node.stored_bytes)) {
    notes.push("Bars are the functions' own time; saving the results is not in them.");
  }
  const moved = bars.filter((bar) => bar.isMoved).length;
  if (moved) notes.push(`Clocks differ: ${moved} of the bars lay outside the run and were moved into it.`);
  return notes.join(" ");
}

function showTimeline() {
  const length = Math.max(run.seconds, LEAST_LENGTH_S);
  const ran = nodes.filter((node) => node.started !== null);
  const longest = [...ran].sort((a, b) => b.duration - a.duration).slice(0, MOST_BARS);
  const bars = makeBars(longest, length);
  byId("timeline-note").textContent = timelineNotes(ran, bars);
  byId("timeline").hidden = !bars.length;
  const lanes = new Map();
  for (const bar of bars) {
    if (!lanes.has(bar.node.worker)) lanes.set(bar.node.worker, []);
    lanes.get(bar.node.worker).push(bar);
  }
  byId("timeline").append(element("div", { class: "worker" }), drawAxis(length));
  for (const worker of [...lanes.keys()].sort(byText)) {
    const name = worker ? searchButton(`worker:${worker}`, worker) : "";
    byId("timeline").append(
      element("div", { class: "worker", title: worker }, name),
      drawLane(lanes.get(worker), length),
    );
  }
}

showTimeline();
