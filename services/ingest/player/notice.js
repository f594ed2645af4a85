// The line over a world that is being played: what goes on, without covering the picture.

import { setText } from "./overlay.js";

const STALL_MS = 2000;
const UNHEARD_MS = 3000; // some frames are drawn before their action comes
const PASSING_MS = 3000;

export class Notice {
  #line;
  #player;
  #passing = "";
  #timer = null;

  /**
   * @param {HTMLElement} line
   * @param {import("./player.js").Player} player
   */
  constructor(line, player) {
    this.#line = line;
    this.#player = player;
    setInterval(() => this.update(), 500);
  }

  /** Says something that matters for a moment. */
  pass(text) {
    clearTimeout(this.#timer);
    this.#passing = text;
    this.#timer = setTimeout(() => (this.#passing = ""), PASSING_MS);
    this.update();
  }

  /** Keeps the line true: a stalled picture, or a lowered quality, and why. */
  update() {
    setText(this.#line, this.#text());
  }

  #text() {
    const { state, stats } = this.#player;
    const nowMs = performance.now();
    if (state.name !== "live") return "";
    if (this.#passing) return this.#passing;
    const leftS = Math.ceil((this.#player.endsAtMs - nowMs) / 1000);
    if (leftS > 0) return `Your time is up in ${leftS} s.`;
    if (stats.stalledMs(nowMs) > STALL_MS) return stalled(stats, nowMs);
    if (stats.unheardMs(nowMs) > UNHEARD_MS) return "Your keys do not reach the world just now.";
    if (stats.level > 0) return "The house is busy: the world is simpler for a while.";
    return "";
  }
}

function stalled(stats, nowMs) {
  const seconds = Math.floor(stats.stalledMs(nowMs) / 1000);
  if (stats.isDrawn(nowMs)) return `The world goes on, but no picture of it came for ${seconds} s.`;
  return `No new frame for ${seconds} s.`;
}
