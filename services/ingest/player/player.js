// Plays one session at a time: creates it, connects, and goes back to it when a connection is lost.
// Owns the state; every way to fail ends in #lost (try again) or #finish (say why and stop). Knows
// nothing of the document: `page.js` shows what this says.

import { Problem } from "./api.js";
import { Link } from "./link.js";
import { SessionPoll } from "./session_poll.js";
import { afterStatus, backoffMs, IDLE, isOpen, next } from "./states.js";
import { PlayStats } from "./stats.js";

const OFTEN_MS = 1000;
const SELDOM_MS = 20_000; // keeps the token fresh: it lives two minutes
const STALL_MS = 1500;

export class Player {
  state = IDLE;
  session = null; // {id, token, whep_url, actions_url, ice_servers, ...} as the service gave it
  stats = new PlayStats();
  #api;
  #on;
  #poll;
  #link;
  endsAtMs = 0; // when the session's time is up, of performance.now(); known in its last minute
  #isMoving = false; // between two machines
  #isElsewhere = false; // another tab plays this session
  #isResting = false; // the page was left, and may come back
  #attempt = 0;
  #retry = null;

  /**
   * @param {import("./api.js").SessionApi} api
   * @param {{state: (s: object) => void, session: (s: object | null) => void, reset: () => void,
   *   stream: (s: MediaStream) => void, trouble: (reason: string) => void}} on
   *   `session`: it, or its token, is new, or it is over; `reset`: the world has begun anew;
   *   `trouble`: what is wrong while the world is on the screen, in words
   */
  constructor(api, on) {
    this.#api = api;
    this.#on = on;
    this.#poll = new SessionPoll(api);
    this.#link = new Link({
      stream: on.stream,
      note: (note) => this.stats.noteArrived(note, performance.now()),
      control: (message) => this.#onControl(message),
      lost: (reason) => this.#lost(reason),
      failed: (problem) => this.#failed(problem),
    });
  }

  /** Opens a new session. `choice`: {world?, start?, seed?} */
  async play(choice) {
    const state = this.#become({ name: "connecting", step: "session" });
    let session;
    try {
      session = await this.#api.create(choice);
    } catch (problem) {
      if (this.state === state) this.#refuse(problem);
      return;
    }
    if (this.state !== state) return this.#endQuietly(session); // left meanwhile
    this.#begin(session);
    this.#connect();
  }

  /** Goes on with a session that an earlier page of this tab has played. */
  rejoin(session) {
    this.#begin(session);
    this.#reconnect();
  }

  /** The page rests: the world is kept, its place is free for others. */
  pause(reason) {
    if (this.state.name === "live") this.#pause(reason);
  }

  /** A new connection to the same session, now; a paused one goes through the end of the line. */
  retry() {
    if (!this.session || !isOpen(this.state)) return;
    this.#closeLink();
    this.#become({ name: "connecting", step: "starting" });
    this.#reconnect();
  }

  /** The page is left by a reload, Back or a link: the player lock is free, the session lives on. */
  rest() {
    this.#isResting = isOpen(this.state) && this.state.name !== "paused";
    this.#stop();
  }

  /** The same page is back, from the browser's own cache of pages. */
  wake() {
    if (!this.#isResting || !this.session) return;
    this.#isResting = false;
    this.#poll.start(() => this.#onTick());
    this.retry();
  }

  /** Ends the session for good; back to the title. One that another tab plays is left to it. */
  leave() {
    if (isOpen(this.state) && this.session) {
      if (!this.#isElsewhere) this.#endQuietly(this.session);
      this.#on.session(null);
    }
    this.#stop();
    this.session = null;
    if (this.state.name !== "idle") this.#become(IDLE);
  }

  /** Sends one action; true when it left. */
  send(bytes) {
    return this.#link.send(bytes);
  }

  /** Asks for the world as this session began; true when the question left. */
  reset() {
    return this.state.name === "live" && this.#link.say({ type: "reset" });
  }

  /** A frame of this session is on the screen. */
  frameShown(metadata) {
    if (!this.#link.isOpen || !isOpen(this.state)) return;
    this.stats.frameShown(metadata);
    this.#link.expectPicture();
    this.#attempt = 0;
    this.#isElsewhere = false;
    // While the world moves, what is shown still comes from the machine it leaves.
    if (this.state.name !== "live" && !this.#isMoving) this.#become({ name: "live" });
  }

  setVisible(isVisible) {
    this.#link.setVisible(isVisible);
  }

  /** The browser's report of the connection, or null when there is none. */
  statistics() {
    return this.#link.statistics();
  }

  #begin(session) {
    this.session = session;
    this.stats = new PlayStats();
    this.#attempt = 0;
    this.#isElsewhere = this.#isResting = false;
    this.#on.session(session);
    this.#become({ name: "connecting", step: "starting" });
    this.#poll.start(() => this.#onTick());
  }

  #connect() {
    this.stats.connectionBegan();
    this.#link.open(this.session);
  }

  /** A new connection to the same session, with a fresh token: the old one may be long expired. */
  async #reconnect() {
    const { session } = this;
    try {
      await this.#refresh();
    } catch (problem) {
      if (this.session === session && !this.#isResting) this.#failed(problem);
      return;
    }
    const isWanted = this.session === session && isOpen(this.state) && !this.#isResting;
    if (isWanted && !this.#link.isOpen) this.#connect();
  }

  async #onTick() {
    this.#explainSilence();
    if (!this.#poll.isDue(this.#pollPeriodMs())) return;
    const { session } = this;
    try {
      await this.#refresh();
    } catch (problem) {
      // While a connection stands, a session service that is away does not matter, nor what it
      // thinks of a token that nobody needs now.
      const isHeld = problem.isUnauthorised && this.#link.isConnected;
      if (this.session === session && problem.isFinal && !isHeld) this.#failed(problem);
    }
  }

  /** The world should be on the screen and is not: why, and what to do. */
  async #explainSilence() {
    const { state } = this;
    const isDue = state.name === "live" || (state.step === "picture" && !state.trouble);
    const trouble = isDue ? await this.#link.explainSilence() : null;
    if (trouble && this.state === state) {
      this.#become({ name: "connecting", step: "picture", trouble });
    }
  }

  #pollPeriodMs() {
    if (this.state.name === "reconnecting") return Infinity; // each attempt asks by itself
    if (this.state.name === "paused") return SELDOM_MS;
    const isFlowing = this.stats.stalledMs(performance.now()) < STALL_MS;
    return this.state.name === "live" && isFlowing ? SELDOM_MS : OFTEN_MS;
  }

  /** Asks how the session is and takes its fresh token; throws a Problem. */
  async #refresh() {
    const { session } = this;
    const status = await this.#poll.ask(session);
    if (this.session !== session) return;
    this.#on.session(session);
    this.#onStatus(status);
  }

  #onStatus(status) {
    if (status.status === "live") this.#isMoving = false;
    const to = afterStatus(status, this.state, this.#isMoving);
    if (to?.name === "ended") {
      this.#on.session(null);
      this.#finish(to.reason);
    } else if (to?.name === "paused") this.#pause(to.reason);
    else if (to) {
      this.#link.expectPicture();
      this.#become(to);
    }
  }

  #onControl(message) {
    switch (message.type) {
      case "status":
        // Ingest does not know how long the line will take; the last answer stands.
        return this.#onStatus({ eta_s: this.state.etaS, ...message });
      case "paused":
      case "ending":
        return this.#onStatus({ ...message, status: message.type === "paused" ? "paused" : "ended" });
      case "moving":
        this.#isMoving = true;
        return this.#become({ name: "connecting", step: "moving" });
      case "level":
        this.stats.level = message.level;
        break;
      case "ending_soon":
        this.endsAtMs = performance.now() + 1000 * message.seconds;
        break;
      case "notice":
      case "unreachable":
        this.#onTrouble(message.reason);
        break;
      case "reset":
        this.#on.reset();
    }
  }

  #onTrouble(reason) {
    if (this.state.name === "live") this.#on.trouble(reason);
    else if (this.state.name === "connecting") this.#become({ ...this.state, trouble: reason });
  }

  #pause(reason) {
    this.#closeLink();
    this.#become({ name: "paused", reason });
  }

  #refuse({ message, retryAfterS }) {
    const untilMs = retryAfterS ? performance.now() + retryAfterS * 1000 : null;
    this.#become({ name: "refused", reason: message, untilMs });
  }

  /** Ends only by a word of our own services; a refused token ends this page's part alone. */
  #failed(problem) {
    if (!(problem instanceof Problem)) problem = new Problem({ status: 0, detail: String(problem) });
    this.#isElsewhere = problem.kind === "seat-taken";
    if (!problem.isFinal) return this.#lost(problem.message, problem.retryAfterS);
    if (!problem.isUnauthorised) {
      this.#endQuietly(this.session);
      this.#on.session(null);
    }
    this.#finish(problem.message);
  }

  #lost(reason, retryAfterS = 0) {
    this.#closeLink();
    this.#attempt += 1;
    const inMs = Math.max(backoffMs(this.#attempt), (retryAfterS ?? 0) * 1000);
    const atMs = performance.now() + inMs;
    this.#become({ name: "reconnecting", attempt: this.#attempt, atMs, reason });
    this.#retry = setTimeout(() => this.#reconnect(), inMs);
  }

  #finish(reason) {
    this.#stop();
    this.#become({ name: "ended", reason });
  }

  #stop() {
    this.#poll.stop();
    this.#closeLink();
  }

  #closeLink() {
    this.#isMoving = false;
    clearTimeout(this.#retry);
    this.#link.close();
  }

  #endQuietly(session) {
    this.#api.end(session).catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
    });
  }

  #become(to) {
    this.state = next(this.state, to);
    this.#on.state(this.state);
    return this.state;
  }
}
