// A replica as a card: its slots as squares, its state, and the capacity that it measured.

import { el, short, svg } from "./dom.js";

const WIDTH = 160;
const HEIGHT = 48;

/** `act`: {drain, undrain} for this replica. */
export function replicaCard(replica, act) {
  const state = replica.draining ? "draining" : replica.refusal ? "refuses" : "ready";
  return el(
    `li.replica.${state}`,
    {},
    el("h3", { title: replica.id }, short(replica.id), el("small", {}, ` ${replica.world}`)),
    el("p.state", {}, replica.refusal && !replica.draining ? replica.refusal : state),
    squares(replica),
    el("p.quiet", {}, `${replica.used} of ${replica.slots} slots`, levelOf(replica)),
    replica.capacity ? curve(replica.capacity) : null,
    replica.draining
      ? el("button", { onclick: act.undrain }, "Take back")
      : el("button", { onclick: act.drain }, "Drain"),
  );
}

function levelOf({ level }) {
  return level ? ` · quality level ${level}` : " · full quality";
}

function squares({ used, slots }) {
  const count = Math.max(used, slots);
  const label = `${used} of ${slots} slots used`;
  const element = el("div.squares", { ariaLabel: label, role: "img" });
  element.append(...Array.from({ length: count }, (_, i) => el(i < used ? "i.used" : "i")));
  return element;
}

/** Milliseconds of a tick by sessions; the dashed line is the frame period. */
function curve({ period_ms, ticks_ms }) {
  const points = Object.entries(ticks_ms).map(([number, ms]) => [Number(number), ms]);
  if (!points.length) return null;
  const most = Math.max(...points.map(([number]) => number));
  const top = 1.1 * Math.max(period_ms, ...points.map(([, ms]) => ms));
  const x = (number) => (WIDTH * number) / most;
  const y = (ms) => HEIGHT * (1 - ms / top);
  const line = points.map(([number, ms]) => `${x(number).toFixed(1)},${y(ms).toFixed(1)}`).join(" ");
  const title = points.map(([number, ms]) => `${number}: ${ms.toFixed(0)} ms`).join(", ");
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", preserveAspectRatio: "xMinYMid", role: "img", "aria-label": title },
    svg("line", { x1: 0, x2: WIDTH, y1: y(period_ms), y2: y(period_ms), class: "period" }),
    svg("polyline", { points: `0,${HEIGHT} ${line}` }),
    points.map(([number, ms]) => svg("circle", { cx: x(number), cy: y(ms), r: 2.5 })),
  );
}
