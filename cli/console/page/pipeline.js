// The pipeline as a picture, and the events that move through it.

import { byId, el, keyed, setClass, setText, svg, time } from "./dom.js";

const NAMES = {
  feed: "feed",
  queue: "queue",
  router: "router",
  bus: "event bus",
  rules: "rules",
  "iam-grant": "iam-grant",
  "iam-revoke": "iam-revoke",
  "iam-reconcile": "iam-reconcile",
  iam: "IAM",
};

// The places of the stages, as column and row of a grid.
const WIDE = {
  columns: 7,
  rows: 3,
  places: {
    feed: [0, 1],
    queue: [1, 1],
    router: [2, 1],
    bus: [3, 1],
    rules: [4, 1],
    "iam-grant": [5, 0],
    "iam-revoke": [5, 1],
    "iam-reconcile": [5, 2],
    iam: [6, 1],
  },
};
const NARROW = {
  columns: 3,
  rows: 7,
  places: {
    feed: [1, 0],
    queue: [1, 1],
    router: [1, 2],
    bus: [1, 3],
    rules: [1, 4],
    "iam-grant": [0, 5],
    "iam-revoke": [1, 5],
    "iam-reconcile": [2, 5],
    iam: [1, 6],
  },
};
const EDGES = [
  ["feed", "queue"],
  ["queue", "router"],
  ["router", "bus"],
  ["bus", "rules"],
  ["rules", "iam-grant"],
  ["rules", "iam-revoke"],
  ["iam-grant", "iam"],
  ["iam-revoke", "iam"],
  ["iam-reconcile", "iam"],
];
const SIZE = { wide: [136, 66, 30, 24], narrow: [112, 62, 4, 26] };
const MOST = 6;

const isNarrow = matchMedia("(max-width: 900px)");
const isStill = matchMedia("(prefers-reduced-motion: reduce)");
const counts = new Map();
let nodes = new Map();
let last = null;

/** Draws the stages, and moves a dot along an edge for each event that has passed it. */
export function pipeline(state) {
  if (!last) {
    layout();
    isNarrow.addEventListener("change", () => {
      layout();
      label(last);
    });
  }
  last = state;
  label(state);
  since(state.countedSince);
  for (const { from, to, count } of state.flows) {
    const key = `${from} ${to}`;
    const before = counts.get(key);
    counts.set(key, count);
    if (before !== undefined && count > before) move(from, to, Math.min(count - before, MOST));
  }
}

/** Says since when the numbers in the stages are counted. */
function since(counted) {
  const shown = byId("counted");
  if (counted && shown.dataset.since !== counted) shown.replaceChildren("Counted since ", time(counted));
  shown.dataset.since = counted ?? "";
}

function layout() {
  const { columns, rows, places } = isNarrow.matches ? NARROW : WIDE;
  const [width, height, across, down] = isNarrow.matches ? SIZE.narrow : SIZE.wide;
  const x = (column) => 4 + column * (width + across);
  const y = (row) => 4 + row * (height + down);
  const picture = byId("picture");
  picture.setAttribute("viewBox", `0 0 ${x(columns) - across + 4} ${y(rows) - down + 4}`);
  nodes = new Map();
  const boxes = svg("g");
  for (const [id, [column, row]] of Object.entries(places)) {
    const [left, top] = [x(column), y(row)];
    const text = (at, name, content) => svg("text", { x: left + width / 2, y: top + at, class: name, text: content });
    const box = svg("rect", { x: left, y: top, width, height, rx: 9 });
    const [passed, remark] = [text(40, "count", ""), text(56, "remark", "")];
    boxes.append(svg("g", { class: "stage" }, box, text(19, "name", NAMES[id]), passed, remark));
    nodes.set(id, { box, passed, remark, middle: [left + width / 2, top + height / 2], size: [width, height] });
  }
  const lines = svg("g", { class: "edges" });
  for (const [from, to] of EDGES) {
    const [[x1, y1], [x2, y2]] = ends(from, to);
    const unit = Math.hypot(x2 - x1, y2 - y1);
    const [ux, uy] = [(x2 - x1) / unit, (y2 - y1) / unit];
    const tip = `M${x2} ${y2} L${x2 - 7 * ux - 4 * uy} ${y2 - 7 * uy + 4 * ux} L${x2 - 7 * ux + 4 * uy} ${y2 - 7 * uy - 4 * ux} Z`;
    lines.append(svg("line", { x1, y1, x2: x2 - 5 * ux, y2: y2 - 5 * uy }), svg("path", { d: tip }));
  }
  picture.replaceChildren(lines, boxes, svg("g", { id: "dots" }));
}

/** Where an edge leaves one box and reaches the other. */
function ends(from, to) {
  const [one, other] = [nodes.get(from), nodes.get(to)];
  const [[x1, y1], [x2, y2]] = [one.middle, other.middle];
  const [width, height] = one.size;
  if (isNarrow.matches) return [[x1, y1 + height / 2], [x2, y2 - height / 2]];
  return [[x1 + width / 2, y1], [x2 - width / 2, y2]];
}

function label(state) {
  for (const { id, level, passed, text } of state.stages) {
    const node = nodes.get(id);
    if (!node) continue;
    setClass(node.box, level);
    setText(node.passed, passed === null ? "" : String(passed));
    setText(node.remark, text.length > 20 ? `${text.slice(0, 19)}…` : text);
  }
  keyed(
    byId("stages"),
    state.stages,
    (stage) => stage.id,
    () => el("li"),
    (node, { id, passed, text }) => setText(node, `${NAMES[id]}: ${passed === null ? "" : `${passed} `}${text}`),
  );
}

function move(from, to, count) {
  if (isStill.matches || document.hidden) return;
  const [[x1, y1], [x2, y2]] = ends(from, to);
  for (let index = 0; index < count; index += 1) {
    const dot = svg("circle", { r: 5, cx: x1, cy: y1 });
    byId("dots").append(dot);
    const path = [{ transform: "translate(0, 0)" }, { transform: `translate(${x2 - x1}px, ${y2 - y1}px)` }];
    const run = dot.animate(path, { duration: 700, delay: index * 130, easing: "ease-in-out", fill: "backwards" });
    run.addEventListener("finish", () => dot.remove());
  }
}
