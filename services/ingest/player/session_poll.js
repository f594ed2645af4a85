// Asks now and then how a session is; each answer holds a fresh token. Knows no connections.

const TICK_MS = 1000;

export class SessionPoll {
  #api;
  #timer = null;
  #askedAt = 0;

  /** @param {import("./api.js").SessionApi} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {() => void} tick called each second until `stop` */
  start(tick) {
    this.stop();
    this.#askedAt = performance.now();
    this.#timer = setInterval(tick, TICK_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** True, once, when the last question is `periodMs` ago. */
  isDue(periodMs) {
    const isDue = performance.now() - this.#askedAt >= periodMs;
    if (isDue) this.#askedAt = performance.now();
    return isDue;
  }

  /** How the session is; it takes the fresh token. Throws a Problem. */
  async ask(session) {
    const status = await this.#api.read(session);
    session.token = status.token ?? session.token;
    return status;
  }
}
