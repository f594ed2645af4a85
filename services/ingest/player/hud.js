// The figures over the picture (F3): what `stats.js` and the connection report, as text and bars.

import { readReport } from "./network.js";

const REFRESH_MS = 500;
// Bars and the line of intervals keep these scales until something is longer.
const BAR_FULL_MS = 57;
const INTERVAL_FULL_MS = 171;

export class Hud {
  #panel;
  #player;
  #counter = null;
  #timer = null;

  /**
   * @param {HTMLElement} panel holds one `[data-figure]` per figure, `[data-stage]` per bar and a
   *   canvas
   * @param {import("./player.js").Player} player
   */
  constructor(panel, player) {
    this.#panel = panel;
    this.#player = player;
  }

  toggle() {
    this.#panel.hidden = !this.#panel.hidden;
    clearInterval(this.#timer);
    if (this.#panel.hidden) return;
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
    this.#refresh();
  }

  async #refresh() {
    const { stats } = this.#player;
    const report = await this.#player.statistics();
    const { counter, kbps, rttMs } = readReport(report?.values() ?? [], this.#counter);
    Object.assign(stats, { kbps: kbps ?? stats.kbps, rttMs });
    this.#counter = counter;
    this.#figures(stats);
    const stages = Object.entries(stats.stagesMs);
    const fullMs = Math.max(BAR_FULL_MS, ...stages.map(([, ms]) => ms));
    for (const [stage, ms] of stages) this.#bar(stage, ms, fullMs);
    drawIntervals(this.#panel.querySelector("canvas"), stats.intervalsMs);
  }

  #figures(stats) {
    const { p50, p95 } = stats.actionToPhoton;
    this.#figure("fps", stats.fps(performance.now()).toFixed(1));
    this.#figure("photon", `${whole(p50)} / ${whole(p95)} ms`);
    this.#figure("age", `${whole(stats.frameAgeMs)} ms`);
    this.#figure("rate", `${whole(stats.kbps)} kbit/s`);
    this.#figure("rtt", `${whole(stats.rttMs)} ms`);
    this.#figure("ahead", `${Math.round(stats.speculativeShare * 100)} %`);
    this.#figure("level", stats.level === 0 ? "full" : `lowered by ${stats.level}`);
  }

  #figure(name, text) {
    this.#panel.querySelector(`[data-figure=${name}]`).textContent = text;
  }

  #bar(stage, ms, fullMs) {
    const row = this.#panel.querySelector(`[data-stage=${stage}]`);
    row.querySelector("meter").value = (ms ?? 0) / fullMs;
    row.querySelector("output").textContent = ms === null ? "–" : ms.toFixed(1);
  }
}

/** Frame intervals as one line, oldest left: flat is good. */
function drawIntervals(canvas, intervalsMs) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const fullMs = Math.max(INTERVAL_FULL_MS, ...intervalsMs);
  context.clearRect(0, 0, width, height);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 1.5;
  context.beginPath();
  intervalsMs.forEach((ms, index) => {
    const x = (index / Math.max(intervalsMs.length - 1, 1)) * width;
    context.lineTo(x, height - (ms / fullMs) * (height - 2) - 1);
  });
  context.stroke();
}

function whole(value) {
  return value === null ? "–" : Math.round(value).toString();
}
