// The part of a large graph that is seen: its roots at first, and what the buttons choose.

const ZOOM = { step: 1.3, least: 0.03, most: 2 };
const FRAME_SHARE = 0.7; // Of the window's height, as in the style.
let scale = 1;

function setScale(wanted) {
  const frame = byId("graph");
  const middle = [frame.scrollLeft + frame.clientWidth / 2, frame.scrollTop + frame.clientHeight / 2];
  const [x, y] = middle.map((value) => value / scale);
  scale = Math.min(ZOOM.most, Math.max(ZOOM.least, wanted));
  const svg = frame.querySelector("svg");
  svg.setAttribute("width", drawing.width * scale);
  svg.setAttribute("height", drawing.height * scale);
  frame.scrollTo(x * scale - frame.clientWidth / 2, y * scale - frame.clientHeight / 2);
}

// The scale at which the whole drawing fits into its frame.
function fitting() {
  const room = [byId("graph").offsetWidth - 2, FRAME_SHARE * window.innerHeight - 2];
  return Math.min(room[0] / drawing.width, room[1] / drawing.height);
}

function offerZoom() {
  byId("zoom").hidden = fitting() >= 1;
}

function showRoots() {
  const room = byId("graph").clientHeight;
  const [top, bottom] = drawing.roots;
  if (bottom > room) byId("graph").scrollTop = bottom - top > room ? top : (top + bottom - room) / 2;
}

byId("zoom-fit").addEventListener("click", () => setScale(Math.min(1, fitting())));
byId("zoom-in").addEventListener("click", () => setScale(scale * ZOOM.step));
byId("zoom-out").addEventListener("click", () => setScale(scale / ZOOM.step));
window.addEventListener("resize", offerZoom);
offerZoom();
showRoots();
