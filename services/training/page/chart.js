// A loss curve as a drawing: what was measured, faint; its running mean over it. Pure functions of
// rows [{step, seconds, loss, ...}]; the scale is logarithmic where the loss allows it.

import { el, number, svg } from "./dom.js";

const WIDTH = 420;
const HEIGHT = 170;
const PAD = { left: 46, right: 10, top: 10, bottom: 22 };
const SMOOTHING = 0.9;

export function chart(name, rows) {
  const points = rows.filter(({ loss }) => Number.isFinite(loss));
  const last = points.at(-1);
  const caption = el(
    "figcaption",
    {},
    el("strong", {}, name),
    last ? ` loss ${number(last.loss, 4)} at step ${last.step}` : " nothing measured yet",
  );
  if (points.length < 2) return el("figure.curve", {}, caption);
  return el("figure.curve", {}, caption, drawing(name, points));
}

/** The running mean of values, in their order. */
export function smooth(values) {
  let mean = values[0];
  return values.map((value) => (mean = SMOOTHING * mean + (1 - SMOOTHING) * value));
}

/** Round numbers within [low, high], about `count` of them. */
export function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step) * step;
  const found = [];
  for (let tick = first; tick <= high + step / 1e6; tick += step) found.push(tick);
  return found;
}

function drawing(name, points) {
  const losses = points.map(({ loss }) => loss);
  const means = smooth(losses);
  const isLog = Math.min(...losses) > 0;
  const [low, high] = bounds(losses, isLog);
  const [first, last] = [points[0].step, points.at(-1).step];
  const x = (step) => scaled(step, first, last, PAD.left, WIDTH - PAD.right);
  const place = (loss) => (isLog ? Math.log10(loss) : loss);
  const y = (loss) => scaled(place(loss), low, high, HEIGHT - PAD.bottom, PAD.top);
  const line = (values) =>
    values.map((v, i) => `${i ? "L" : "M"}${x(points[i].step).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const levels = ticks(low, high, 4).map((tick) => (isLog ? 10 ** tick : tick));
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `loss of ${name}` },
    levels.map((level) => [
      svg("line", { class: "grid", x1: PAD.left, x2: WIDTH - PAD.right, y1: y(level), y2: y(level) }),
      svg("text", { class: "level", x: PAD.left - 6, y: y(level) + 3 }, short(level)),
    ]),
    ticks(first, last, 4).map((step) =>
      svg("text", { class: "step", x: x(step), y: HEIGHT - 6 }, short(step)),
    ),
    svg("path", { class: "raw", d: line(losses) }),
    svg("path", { class: "mean", d: line(means) }),
  );
}

/** Of the axis; a flat curve gets room above and below. */
function bounds(losses, isLog) {
  const values = isLog ? losses.map(Math.log10) : losses;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * 0.05 || 0.1;
  return [low - room, high + room];
}

function scaled(value, low, high, from, to) {
  return from + ((value - low) / (high - low || 1)) * (to - from);
}

function short(value) {
  if (Math.abs(value) >= 1000) return `${+(value / 1000).toPrecision(3)}k`;
  return `${+value.toPrecision(2)}`;
}
