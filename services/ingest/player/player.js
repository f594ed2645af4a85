// Plays one session at a time: creates it, connects, and goes back to it when a connection is lost.
// Owns the state; every way to fail ends in #lost (try again) or #finish (say why and stop). Knows
// nothing of the document: `page.js` shows what this says.

import { Problem } from "./api.js";
import { Peer } from "./peer.js";
import { backoffMs, IDLE, isOpen, next, stateForStatus } from "./states.js";
import { PlayStats } from "./stats.js";

const TICK_MS = 1000;
const LIVE_POLL_MS = 20_000; // keeps the token fresh: it lives two minutes
const STALL_MS = 1500;

export class Player {
  state = IDLE;
  session = null; // {id, token, whep_url, actions_url, ice_servers, ...} as the service gave it
  stats = new PlayStats();
  #api;
  #on;
  #peer = null;
  #isMoving = false; // between two machines: the line is not the player's business
  #attempt = 0;
  #retry = null;
  #tick = null;
  #polledAt = 0;

  /**
   * @param {import("./api.js").SessionApi} api
   * @param {{state: (s: object) => void, stream: (s: MediaStream) => void, reset: () => void,
   *   trouble: (reason: string) => void}} on
   *   `reset`: the world has begun anew; `trouble`: why no picture comes, in words
   */
  constructor(api, on) {
    this.#api = api;
    this.#on = on;
  }

  /** Opens a new session. `choice`: {world?, start?, seed?} */
  async play(choice) {
    const state = this.#become({ name: "connecting", step: "session" });
    this.session = null;
    this.stats = new PlayStats();
    let session;
    try {
      session = await this.#api.create(choice);
    } catch (problem) {
      if (this.state === state) this.#finish(problem.message, problem.retryAfterS);
      return;
    }
    if (this.state !== state) return this.#endQuietly(session); // left meanwhile
    this.session = session;
    this.#become({ name: "connecting", step: "starting" });
    this.#attempt = 0;
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
    this.#polledAt = performance.now();
    this.#connect();
  }

  /** The page rests: the world is kept, its place is free for others. */
  pause(reason) {
    if (this.state.name === "live") this.#pause(reason);
  }

  /** Back to a paused world, through the end of the line. */
  resume() {
    if (this.state.name !== "paused") return;
    this.#become({ name: "connecting", step: "starting" });
    this.#reconnect();
  }

  /** Ends the session for good; back to the title. `keepalive`: the page itself is going. */
  leave({ keepalive = false } = {}) {
    if (isOpen(this.state) && this.session) this.#endQuietly(this.session, { keepalive });
    this.#stop();
    this.session = null;
    if (this.state.name !== "idle") this.#become(IDLE);
  }

  /** Sends one action; true when it left. */
  send(bytes) {
    return this.#peer?.send(bytes) ?? false;
  }

  /** Asks for the world as this session began; true when the question left. */
  reset() {
    return this.state.name === "live" && this.#peer.say({ type: "reset" });
  }

  /** A frame of this session is on the screen. */
  frameShown(metadata) {
    if (!this.#peer || !isOpen(this.state)) return;
    this.stats.frameShown(metadata);
    this.#attempt = 0;
    // While the world moves, what is shown still comes from the machine it leaves.
    if (this.state.name !== "live" && !this.#isMoving) this.#become({ name: "live" });
  }

  /** The browser's report of the connection, or null when there is none. */
  async statistics() {
    return (await this.#peer?.statistics()) ?? null;
  }

  async #connect() {
    const peer = new Peer(
      {
        stream: (stream) => this.#on.stream(stream),
        note: (note) => this.stats.noteArrived(note),
        control: (message) => this.#onControl(message),
        lost: (reason) => this.#lost(reason),
      },
      this.session.ice_servers,
    );
    const { whep_url: whepUrl, actions_url: actionsUrl, token } = this.session;
    this.#peer = peer;
    this.stats.connectionBegan();
    try {
      await peer.open({ whepUrl, actionsUrl, token });
    } catch (problem) {
      if (this.#peer === peer) this.#failed(problem);
    }
  }

  /** A new connection to the same session, with a fresh token: the old one may be long expired. */
  async #reconnect() {
    const { session } = this;
    try {
      await this.#refresh();
    } catch (problem) {
      if (this.session === session) this.#failed(problem);
      return;
    }
    if (this.session === session && isOpen(this.state) && !this.#peer) this.#connect();
  }

  async #onTick() {
    const periodMs = this.#pollPeriodMs();
    if (performance.now() - this.#polledAt < periodMs) return;
    this.#polledAt = performance.now();
    const { session } = this;
    try {
      await this.#refresh();
    } catch (problem) {
      // While a connection stands, a session service that is away does not matter.
      if (this.session === session && problem.isFinal) this.#failed(problem);
    }
  }

  #pollPeriodMs() {
    if (this.state.name === "reconnecting") return Infinity; // each attempt asks by itself
    if (this.state.name === "paused") return LIVE_POLL_MS;
    const isFlowing = this.stats.stalledMs(performance.now()) < STALL_MS;
    return this.state.name === "live" && isFlowing ? LIVE_POLL_MS : TICK_MS;
  }

  /** Asks how the session is and takes its fresh token; throws a Problem. */
  async #refresh() {
    const { session } = this;
    const status = await this.#api.read(session);
    session.token = status.token ?? session.token;
    if (this.session === session) this.#onStatus(status);
  }

  #onStatus(status) {
    const to = stateForStatus(status);
    if (to.name === "ended") return this.#finish(to.reason);
    const { name } = this.state;
    if (to.name === "paused") {
      // Our offer wakes a paused world, so until it is awake `paused` is old news.
      if (name === "live") this.#pause(to.reason);
      return;
    }
    if (status.status === "live") this.#isMoving = false;
    if (this.#isMoving && (to.name === "connecting" || to.place === 0)) return;
    if (to.name === "connecting" && ["live", "reconnecting", "paused"].includes(name)) return;
    if (to.name === "waiting" && name === "paused") return;
    this.#become(to);
  }

  #onControl(message) {
    switch (message.type) {
      case "status":
        // The edge does not know how long the line will take; the last answer stands.
        return this.#onStatus({ eta_s: this.state.etaS, ...message });
      case "paused":
        return this.#onStatus({ ...message, status: "paused" });
      case "ending":
        return this.#onStatus({ ...message, status: "ended" });
      case "moving":
        this.#isMoving = true;
        return this.#become({ name: "connecting", step: "moving" });
      case "level":
        this.stats.level = message.level;
        break;
      case "unreachable":
        this.#on.trouble(message.reason);
        break;
      case "reset":
        this.#on.reset();
    }
  }

  #pause(reason) {
    this.#closePeer();
    this.#become({ name: "paused", reason });
  }

  #failed(problem) {
    if (!(problem instanceof Problem)) problem = new Problem({ status: 0, detail: String(problem) });
    if (problem.isFinal) {
      this.#endQuietly(this.session);
      this.#finish(problem.message);
    } else this.#lost(problem.message, problem.retryAfterS);
  }

  #lost(reason, retryAfterS = 0) {
    this.#closePeer();
    this.#attempt += 1;
    const inMs = Math.max(backoffMs(this.#attempt), (retryAfterS ?? 0) * 1000);
    this.#become({ name: "reconnecting", attempt: this.#attempt, inMs, reason });
    this.#retry = setTimeout(() => this.#reconnect(), inMs);
  }

  #finish(reason, retryAfterS = null) {
    this.#stop();
    this.#become({ name: "ended", reason, retryAfterS });
  }

  #stop() {
    clearInterval(this.#tick);
    this.#closePeer();
  }

  #closePeer() {
    this.#isMoving = false;
    clearTimeout(this.#retry);
    this.#peer?.close();
    this.#peer = null;
  }

  #endQuietly(session, options) {
    this.#api.end(session, options).catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
    });
  }

  #become(to) {
    this.state = next(this.state, to);
    this.#on.state(this.state);
    return this.state;
  }
}
