// When an action leaves: at once when the input changes, and once per frame period in any case.
// Knows neither what the input is nor how a message travels.

const MIN_GAP_MS = 8; // at most 125 actions a second; ingest drops what exceeds 240

export class ActionSender {
  #send;
  #clock;
  #lastMs = -Infinity;
  #pending = null;
  #beat;

  /**
   * @param {{send: () => void, periodMs: number, clock?: object}} options `clock` has now(),
   *   setTimeout, clearTimeout, setInterval and clearInterval; tests bring their own
   */
  constructor({ send, periodMs, clock = browserClock }) {
    this.#send = send;
    this.#clock = clock;
    this.#beat = clock.setInterval(() => this.#flush(), periodMs);
  }

  /** The input changed: send now, or as soon as the smallest gap allows. */
  changed() {
    if (this.#pending !== null) return;
    const waitMs = this.#lastMs + MIN_GAP_MS - this.#clock.now();
    if (waitMs <= 0) this.#flush();
    else this.#pending = this.#clock.setTimeout(() => this.#flush(), waitMs);
  }

  close() {
    this.#clock.clearInterval(this.#beat);
    this.#clock.clearTimeout(this.#pending);
  }

  #flush() {
    this.#clock.clearTimeout(this.#pending);
    this.#pending = null;
    this.#lastMs = this.#clock.now();
    this.#send();
  }
}

const browserClock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (id) => clearTimeout(id),
  setInterval: (run, ms) => setInterval(run, ms),
  clearInterval: (id) => clearInterval(id),
};
