// The lines of the graph: arrows to the right, back to the left below all boxes, and loops.

const CORNER = 6;
const LANE = 9;
const TURN = { out: 16, in: 22, spread: 18 };

function linkPath({ from, to }) {
  const x = from.x + BOX.width;
  const bend = (to.x - x) / 2;
  const curve = `M${x},${from.y} C${x + bend},${from.y} ${to.x - bend},${to.y} ${to.x},${to.y}`;
  return to.box ? curve : `${curve} h${BOX.width}`;
}

// Out at the right, down to a lane below everything, along it to the left, and up again.
function backPath(from, to, lane, laneY) {
  const shift = (3 * lane) % TURN.spread;
  const right = from.x + BOX.width + TURN.out + shift;
  const left = to.x - TURN.in - shift;
  return rounded([
    [from.x + BOX.width, from.y + BOX.height / 5],
    [right, from.y + BOX.height / 5],
    [right, laneY],
    [left, laneY],
    [left, to.y + BOX.height / 5],
    [to.x, to.y + BOX.height / 5],
  ]);
}

function rounded(points) {
  const toward = ([x, y], [otherX, otherY]) => {
    const share = Math.min(1, CORNER / (Math.hypot(otherX - x, otherY - y) || 1));
    return `${x + (otherX - x) * share},${y + (otherY - y) * share}`;
  };
  const corners = points.slice(1, -1).map((corner, i) => {
    return `L${toward(corner, points[i])} Q${corner} ${toward(corner, points[i + 2])}`;
  });
  return `M${points[0]} ${corners.join(" ")} L${points.at(-1)}`;
}

function loopPath({ x, y }) {
  const [right, top] = [x + BOX.width, y - BOX.height / 2];
  return `M${right},${top + 12} c26,-2 22,-26 2,-26 h-12 q-10,0 -10,14`;
}

function line(path, kind, isOrder, hasHead = true) {
  const attributes = { class: `edge ${kind}${isOrder ? " order" : ""}`, d: path };
  if (hasHead) attributes["marker-end"] = "url(#arrow)";
  return drawn("path", attributes);
}

// All lines, and how much room those that lead back take below the boxes.
function drawLines(edges, { links, height }) {
  const lines = links.map((link) => line(linkPath(link), "forward", link.isOrder, Boolean(link.to.box)));
  const lanes = new Map(); // One for each box that is led back to.
  for (const { from, to, isOrder } of edges.filter((edge) => edge.isBack)) {
    if (from === to) {
      lines.push(line(loopPath(from.place), "loop", isOrder));
      continue;
    }
    if (!lanes.has(to)) lanes.set(to, lanes.size);
    const lane = lanes.get(to);
    lines.push(line(backPath(from.place, to.place, lane, height + LANE * (lane + 2)), "back", isOrder));
  }
  return { lines, below: lanes.size && LANE * (lanes.size + 1) };
}
