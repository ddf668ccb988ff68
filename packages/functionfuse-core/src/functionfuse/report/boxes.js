// What the graph shows: a box for each node or, if these are too many, for nodes of one kind.

const MOST_BOXES = 80;
const NOTES = {
  nodes: "",
  siblings: `${count} nodes; those of one function whose parents are alike share a box. A click lists them.`,
  functions: `${count} nodes, drawn by function. A click lists a function's nodes.`,
};

function parentsOf(node) {
  return node.follows === null ? node.parents : [...node.parents, node.follows];
}

// The number of each node's box; boxes are numbered by their first nodes. A node is made after
// its parents, so that these have their boxes when it looks for its own.
function numbered(keyOf, most = Infinity) {
  const numbers = new Map();
  const boxOf = [];
  for (const node of nodes) {
    const key = keyOf(node, boxOf);
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    if (numbers.size > most) return null;
    boxOf.push(numbers.get(key));
  }
  return boxOf;
}

function siblingKey(node, boxOf) {
  const above = new Set(node.parents.map((parent) => boxOf[parent]));
  return JSON.stringify([node.function, boxOf[node.follows], ...[...above].sort((a, b) => a - b)]);
}

function chooseBoxes() {
  if (count <= MOST_BOXES) return ["nodes", numbered((node) => node.position)];
  const siblings = numbered(siblingKey, MOST_BOXES);
  return siblings ? ["siblings", siblings] : ["functions", numbered((node) => node.function)];
}

// The length of the longest way to each node.
function depths() {
  const found = [];
  for (const node of nodes) {
    found.push(parentsOf(node).reduce((most, parent) => Math.max(most, found[parent] + 1), 0));
  }
  return found;
}

function makeBoxes(boxOf) {
  const depth = depths();
  const boxes = [];
  for (const node of nodes) {
    node.box = boxOf[node.position];
    boxes[node.box] ??= { number: node.box, members: [], depth: Infinity };
    boxes[node.box].members.push(node);
    boxes[node.box].depth = Math.min(boxes[node.box].depth, depth[node.position]);
  }
  return boxes;
}

// Arrows between boxes, each once; `isOrder` if it only says that one call follows another.
function makeEdges(boxes) {
  const edges = new Map();
  const add = (parent, child, isOrder) => {
    const key = parent.box * boxes.length + child.box;
    if (!edges.has(key)) edges.set(key, { from: boxes[parent.box], to: boxes[child.box], isOrder });
  };
  for (const node of nodes) for (const parent of node.parents) add(nodes[parent], node, false);
  for (const node of nodes) if (node.follows !== null) add(nodes[node.follows], node, true);
  return [...edges.values()];
}
