// Where boxes go: in layers from left to right, ordered within each so that few arrows cross.
//
//   a ───► b ───► c     An arrow that skips a layer goes through a place of its own there,
//     ╲───────╲─► d     beside the boxes. Arrows from one box share these places.

const BOX = { width: 180, height: 36 };
const GAP = { least: 48, most: 140, y: 14 };
const SWEEPS = 12;

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// Of a circle of functions, the arrows that lead back to what ran first are no reason to move.
function setLayers(boxes, edges) {
  const ordered = [...boxes].sort((a, b) => a.depth - b.depth || a.number - b.number);
  ordered.forEach((box, rank) => Object.assign(box, { rank, layer: 0, after: [] }));
  for (const edge of edges) {
    edge.isBack = edge.from.rank >= edge.to.rank;
    if (!edge.isBack) edge.from.after.push(edge.to);
  }
  for (const box of ordered) {
    for (const next of box.after) next.layer = Math.max(next.layer, box.layer + 1);
  }
}

function makePlaces(boxes, edges) {
  const layers = [];
  const links = [];
  const passed = new Map();
  const put = (layer, box) => {
    const place = { layer, box, before: [], after: [], height: box ? BOX.height : 0, y: 0 };
    (layers[layer] ??= []).push(place);
    return place;
  };
  const join = (from, to, isOrder) => {
    from.after.push(to);
    to.before.push(from);
    links.push({ from, to, isOrder });
  };
  for (const box of boxes) box.place = put(box.layer, box);
  for (const { from, to, isOrder } of edges.filter((edge) => !edge.isBack)) {
    let last = from.place;
    for (let layer = from.layer + 1; layer < to.layer; layer += 1) {
      const key = `${from.number} ${isOrder} ${layer}`;
      if (!passed.has(key)) {
        passed.set(key, put(layer, null));
        join(last, passed.get(key), isOrder);
      }
      last = passed.get(key);
    }
    join(last, to.place, isOrder);
  }
  return { layers, links };
}

// Go through the layers to and fro, and each time draw places to what they are joined to.
function sweep(layers, arrange) {
  for (let round = 0; round < SWEEPS; round += 1) {
    const side = round % 2 ? "after" : "before";
    for (const layer of round % 2 ? [...layers].reverse() : layers) arrange(layer, side);
  }
}

function orderLayer(layer, side) {
  for (const place of layer) {
    place.pull = place[side].length ? mean(place[side].map((other) => other.rank)) : place.rank;
  }
  layer.sort((a, b) => a.pull - b.pull);
  rankLayer(layer);
}

function rankLayer(layer) {
  layer.forEach((place, i) => (place.rank = i - (layer.length - 1) / 2));
}

// The heights nearest to the wanted ones that keep the order and the gaps: places that want to
// be too close become one block, which stands at the mean of what they want.
function spreadLayer(layer, side) {
  const blocks = [];
  let offset = 0;
  layer.forEach((place, i) => {
    if (i) offset += (layer[i - 1].height + place.height) / 2 + GAP.y;
    place.offset = offset;
    const wanted = place[side].length ? mean(place[side].map((other) => other.y)) : place.y;
    let block = { sum: wanted - offset, places: [place] };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).places.length >= block.sum / block.places.length) {
      const above = blocks.pop();
      block = { sum: above.sum + block.sum, places: above.places.concat(block.places) };
    }
    blocks.push(block);
  });
  for (const { sum, places } of blocks) for (const place of places) place.y = place.offset + sum / places.length;
}

// Steep arrows need room: the gap after a layer grows with how far they go up or down.
function setColumns(layers) {
  let x = 0;
  for (const layer of layers) {
    for (const place of layer) place.x = x;
    const steepest = Math.max(0, ...layer.flatMap((place) => place.after.map((to) => Math.abs(to.y - place.y))));
    x += BOX.width + Math.min(GAP.most, GAP.least + steepest / 8);
  }
}

function layOut(boxes, edges) {
  setLayers(boxes, edges);
  const { layers, links } = makePlaces(boxes, edges);
  layers.forEach(rankLayer);
  sweep(layers, orderLayer);
  sweep(layers, spreadLayer);
  setColumns(layers);
  const places = layers.flat();
  const top = Math.min(...places.map((place) => place.y - place.height / 2));
  for (const place of places) place.y -= top;
  return {
    links,
    width: Math.max(...places.map((place) => place.x)) + BOX.width,
    height: Math.max(...places.map((place) => place.y + place.height / 2)),
  };
}
