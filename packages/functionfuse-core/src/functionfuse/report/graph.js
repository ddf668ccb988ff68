// The graph as a drawing: boxes with the share of each state, and arrows.

const MARGIN = 18;
const BACK_MARGIN = 48;
const PADDING = 10;
const STRIPE = 5;

function definitions() {
  const arrow = drawn("marker", {
    id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto",
    markerUnits: "userSpaceOnUse",
  }, drawn("path", { class: "head", d: "M0,0.5 L8,4 L0,7.5 z" }));
  const hatch = drawn("pattern", {
    id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
  }, drawn("rect", { class: "hatch", width: 2, height: 5 }));
  return drawn("defs", {}, arrow, hatch);
}

function stripes(box) {
  const counts = tally(box.members.map((node) => node.state));
  const [whole, y] = [BOX.width - 2 * PADDING, BOX.height - STRIPE - 4];
  let x = PADDING;
  return STATES.filter((state) => counts[state]).map((state) => {
    const width = (whole * counts[state]) / box.members.length;
    x += width;
    return drawn("rect", { class: state, x: x - width, y, width, height: STRIPE });
  });
}

function searchOf(box) {
  const [first] = box.members;
  if (box.members.length === 1) return `node:${first.name}`;
  const ofFunction = nodes.filter((node) => node.function === first.function);
  return ofFunction.length === box.members.length ? `function:${first.function}` : `box:${box.number}`;
}

function describeBox(box) {
  const [first] = box.members;
  if (box.members.length === 1) return describe(first);
  const counts = tally(box.members.map((node) => node.state));
  const states = STATES.filter((state) => counts[state]).map((state) => `${counts[state]} ${state}`);
  return [`${first.function} × ${box.members.length}`, ...states].join("\n");
}

function drawBox(box) {
  const [first] = box.members;
  const isMany = box.members.length > 1;
  const isRound = box.members.every((node) => node.isInstance);
  const hasFailed = box.members.some((node) => node.state === "failed");
  const link = drawn("a", { href: "#search", transform: `translate(${box.place.x},${box.place.y - BOX.height / 2})` });
  const frame = { width: BOX.width, height: BOX.height, rx: isRound ? BOX.height / 2 : 6 };
  link.append(
    drawn("title", {}, describeBox(box)),
    drawn("rect", { class: `box${isRound ? " round" : ""}${hasFailed ? " trouble" : ""}`, ...frame }),
    drawn("text", { class: "label", x: isRound ? 1.5 * PADDING : PADDING, y: 18 }, isMany ? first.function : first.name),
    ...stripes(box),
  );
  if (isMany) {
    const x = BOX.width - PADDING;
    link.append(drawn("text", { class: "many", x, y: 18, "text-anchor": "end" }, `× ${box.members.length}`));
  }
  link.addEventListener("click", (event) => {
    event.preventDefault();
    searchFor(searchOf(box));
  });
  return link;
}

// Names differ mostly at their ends: what does not fit is left out in the middle.
function shorten(label, width) {
  const letters = [...label.textContent];
  const keep = (kept) => {
    const front = Math.ceil(kept / 2);
    label.textContent = `${letters.slice(0, front).join("")}…${letters.slice(letters.length - kept + front).join("")}`;
  };
  if (label.getComputedTextLength() <= width) return;
  let [fits, tooMany] = [1, letters.length];
  while (tooMany - fits > 1) {
    const kept = (fits + tooMany) >> 1;
    keep(kept);
    if (label.getComputedTextLength() <= width) fits = kept;
    else tooMany = kept;
  }
  keep(fits);
}

function shortenLabels() {
  for (const label of byId("graph").querySelectorAll(".label")) {
    const many = label.parentNode.querySelector(".many");
    const taken = many ? many.getComputedTextLength() + PADDING : 0;
    shorten(label, BOX.width - PADDING - label.getAttribute("x") - taken);
  }
}

function showGraph() {
  const [kind, boxOf] = chooseBoxes();
  const boxes = makeBoxes(boxOf);
  const edges = makeEdges(boxes);
  const layout = layOut(boxes, edges);
  const { lines, below } = drawLines(edges, layout);
  const side = edges.some((edge) => edge.isBack && edge.from !== edge.to) ? BACK_MARGIN : MARGIN;
  const [width, height] = [layout.width + 2 * side, layout.height + below + 2 * MARGIN];
  const all = drawn("g", { transform: `translate(${side},${MARGIN})` }, ...lines, ...boxes.map(drawBox));
  byId("graph").append(drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, definitions(), all));
  shortenLabels();
  const dotted = edges.some((edge) => edge.isOrder) ? "Dotted: one call on an instance follows another." : "";
  byId("graph-note").textContent = [NOTES[kind], dotted].filter(Boolean).join(" ");
  const roots = boxes.filter((box) => box.layer === 0).map((box) => box.place.y + MARGIN);
  return { width, height, roots: [Math.min(...roots) - BOX.height, Math.max(...roots) + BOX.height] };
}

const drawing = showGraph();
