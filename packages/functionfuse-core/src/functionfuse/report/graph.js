// The graph in layers from left to right: nodes, or in large graphs functions, and arrows.

const MOST_BOXES = 200;
const BOX = { width: 170, height: 34, gapX: 56, gapY: 14, margin: 16 };
const SWEEPS = 6;

function depths() {
  const found = new Array(count).fill(0);
  for (const node of nodes) {
    // A node is made after its parents.
    for (const parent of node.parents) {
      found[node.position] = Math.max(found[node.position], found[parent] + 1);
    }
  }
  return found;
}

function makeBoxes() {
  const depth = depths();
  const isGrouped = count > MOST_BOXES;
  const boxes = new Map();
  const keyOf = (position) => (isGrouped ? nodes[position].function : position);
  for (const node of nodes) {
    const key = keyOf(node.position);
    if (!boxes.has(key)) boxes.set(key, { members: [], layer: Infinity, sources: new Map() });
    const box = boxes.get(key);
    box.members.push(node);
    box.layer = Math.min(box.layer, depth[node.position]);
  }
  for (const node of nodes) {
    const box = boxes.get(keyOf(node.position));
    for (const parent of node.parents) {
      const source = boxes.get(keyOf(parent));
      if (source !== box) box.sources.set(source, (box.sources.get(source) ?? 0) + 1);
    }
  }
  return [...boxes.values()];
}

function arrange(boxes) {
  const layers = [];
  const numbers = [...new Set(boxes.map((box) => box.layer))].sort((a, b) => a - b);
  for (const number of numbers) layers.push(boxes.filter((box) => box.layer === number));
  const neighbours = new Map(boxes.map((box) => [box, [...box.sources.keys()]]));
  for (const box of boxes) for (const source of box.sources.keys()) neighbours.get(source).push(box);
  const place = () => layers.forEach((layer) => layer.forEach((box, i) => (box.rank = i - (layer.length - 1) / 2)));
  place();
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
      for (const box of layer) {
        const near = neighbours.get(box);
        box.pull = near.length ? near.reduce((sum, other) => sum + other.rank, 0) / near.length : box.rank;
      }
      layer.sort((a, b) => a.pull - b.pull);
      place();
    }
  }
  const tallest = Math.max(...layers.map((layer) => layer.length));
  layers.forEach((layer, column) => {
    for (const box of layer) {
      box.x = BOX.margin + column * (BOX.width + BOX.gapX);
      box.y = BOX.margin + (box.rank + (tallest - 1) / 2) * (BOX.height + BOX.gapY);
    }
  });
  return {
    width: 2 * BOX.margin + layers.length * (BOX.width + BOX.gapX) - BOX.gapX,
    height: 2 * BOX.margin + tallest * (BOX.height + BOX.gapY) - BOX.gapY,
  };
}

function drawBox(box) {
  const [first] = box.members;
  const many = box.members.length > 1 ? ` × ${box.members.length}` : "";
  const label = many ? first.function : first.name;
  const link = drawn("a", { href: "#search", transform: `translate(${box.x},${box.y})` });
  const title = many ? `${label}${many}` : describe(first);
  link.append(
    drawn("title", {}, title),
    drawn("rect", { class: "box", width: BOX.width, height: BOX.height, rx: 6 }),
    drawn("text", { x: 10, y: 20 }, shorten(label, 24 - many.length) + many),
  );
  const counts = tally(box.members.map((node) => node.state));
  let x = 0;
  for (const state of STATES) {
    const width = (BOX.width * counts[state]) / box.members.length;
    if (width) link.append(drawn("rect", { class: state, x, y: BOX.height - 5, width, height: 5 }));
    x += width;
  }
  link.addEventListener("click", (event) => {
    event.preventDefault();
    searchFor(label);
  });
  return link;
}

function drawEdge(from, to) {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const bend = Math.max(30, Math.abs(x2 - x1) / 2);
  return drawn("path", { class: "edge", d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` });
}

function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function showGraph() {
  const boxes = makeBoxes();
  const { width, height } = arrange(boxes);
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  for (const box of boxes) for (const source of box.sources.keys()) svg.append(drawEdge(source, box));
  svg.append(...boxes.map(drawBox));
  byId("graph").append(svg);
  if (count > MOST_BOXES) {
    byId("graph-note").textContent = `${count} nodes, drawn by function. A click lists a function's nodes.`;
  }
}

showGraph();
