// One WebRTC connection to the server: an offer by HTTP (WHEP), video in, three data channels.
// Knows neither sessions nor screens; when it is lost it says so once and is never used again.

import { ActionPath } from "./action_path.js";
import { call, Problem } from "./api.js";
import { explainNoPicture, videoCounts } from "./diagnosis.js";
import { Trickle } from "./trickle.js";

const CONNECT_MS = 10_000;
const GATHER_MS = 1000;
const COUNT_MS = 500;
const BEAT_MS = 1000;
const SILENCE_MS = 6000;
const NO_RETRANSMITS = { ordered: false, maxRetransmits: 0 };

export class Peer {
  #on;
  #connection;
  #trickle;
  #gathersFirst;
  #actions;
  #control;
  #location = null;
  #token = null;
  #timers = [];
  #wasConnected = false;
  #isClosed = false;

  /**
   * @param {{stream: (s: MediaStream) => void, note: (n: object) => void,
   *   control: (m: object) => void, lost: (reason: string) => void}} on
   * @param {{iceServers: RTCIceServer[], gathersFirst: boolean}} options `gathersFirst`: the offer
   *   waits a moment for candidates, because trickling them has failed
   */
  constructor(on, { iceServers, gathersFirst }) {
    this.#on = on;
    this.#gathersFirst = gathersFirst;
    this.#connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#connection.onconnectionstatechange = () => this.#onConnectionState();
    this.#trickle = new Trickle(this.#connection);
    this.#receiveVideo();
    this.#openChannels();
  }

  /** Offers and takes the answer; throws a Problem when the server refuses or does not answer. */
  async open({ whepUrl, actionsUrl, token }) {
    this.#token = token;
    this.#timers.push(setTimeout(() => this.#checkConnected(), CONNECT_MS));
    await this.#connection.setLocalDescription();
    if (this.#gathersFirst) await this.#gathered();
    const { sdp } = this.#connection.localDescription;
    this.#trickle.offerLeft();
    const headers = { "Content-Type": "application/sdp" };
    const response = await call(whepUrl, { method: "POST", headers, body: sdp, token });
    const answer = await response.text();
    const location = response.headers.get("Location");
    if (location) this.#location = new URL(location, whepUrl).href;
    if (this.#isClosed) return this.#hangUp();
    if (this.#location) this.#trickle.begin(this.#location);
    await this.#connection.setRemoteDescription({ type: "answer", sdp: answer });
    this.#actions.transportIsUp(actionsUrl, token);
  }

  get isConnected() {
    return this.#connection.connectionState === "connected";
  }

  /** True when candidates were found that the server did not take. */
  get hasTrickleFailed() {
    return this.#trickle.hasFailed;
  }

  /** Sends one action now, or drops it; true when it left. */
  send(bytes) {
    return this.#actions.send(bytes);
  }

  /** Says something on `control`; true when it left. */
  say(message) {
    const isOpen = this.#control.readyState === "open";
    if (isOpen) this.#control.send(JSON.stringify(message));
    return isOpen;
  }

  /** What the browser counts, for the HUD: an RTCStatsReport. */
  statistics() {
    return this.#connection.getStats();
  }

  /** Why no picture comes, in words; null when frames are being decoded. Looks for half a second. */
  async explain() {
    const before = videoCounts((await this.statistics()).values());
    await new Promise((resolve) => setTimeout(resolve, COUNT_MS));
    const after = videoCounts((await this.statistics()).values());
    const [receiver] = this.#connection.getReceivers();
    return explainNoPicture(
      { ice: this.#connection.iceConnectionState, dtls: receiver?.transport?.state ?? "new" },
      { packets: after.packets - before.packets, frames: after.frames - before.frames },
    );
  }

  /** Closes for good and tells the server. Safe to call twice. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timers.forEach(clearTimeout); // ids of intervals too: they share one pool
    this.#trickle.close();
    this.#actions.close();
    this.#connection.close();
    this.#hangUp();
  }

  #receiveVideo() {
    const { receiver } = this.#connection.addTransceiver("video", { direction: "recvonly" });
    // Show a frame as soon as it is whole. Two names: the standard's and Chromium's older one.
    receiver.jitterBufferTarget = 0;
    receiver.playoutDelayHint = 0;
    this.#connection.ontrack = ({ track, streams }) =>
      this.#on.stream(streams[0] ?? new MediaStream([track]));
  }

  #openChannels() {
    this.#actions = new ActionPath(this.#connection.createDataChannel("input", NO_RETRANSMITS));
    const notes = this.#connection.createDataChannel("notes", NO_RETRANSMITS);
    notes.onmessage = ({ data }) => this.#on.note(JSON.parse(data));
    this.#control = this.#connection.createDataChannel("control");
    this.#control.onopen = () => this.#beat();
    this.#control.onclose = () => this.#lose("The server closed the connection.");
  }

  /** A heartbeat each second both ways; six seconds of silence mean that nobody is there. */
  #beat() {
    let heardAt = performance.now();
    this.#control.onmessage = ({ data }) => {
      heardAt = performance.now();
      const message = JSON.parse(data);
      if (message.type !== "heartbeat") this.#on.control(message);
    };
    const beat = () => {
      if (performance.now() - heardAt > SILENCE_MS) {
        return this.#lose("The server has not been heard for 6 s.");
      }
      this.say({ type: "heartbeat" });
    };
    beat();
    this.#timers.push(setInterval(beat, BEAT_MS));
  }

  #gathered() {
    const connection = this.#connection;
    return new Promise((resolve) => {
      const done = () => connection.iceGatheringState === "complete" && resolve();
      connection.addEventListener("icegatheringstatechange", done);
      // Enough for every host address; one slow TURN server must not hold up the rest.
      this.#timers.push(setTimeout(resolve, GATHER_MS));
      done();
    });
  }

  #onConnectionState() {
    if (this.isConnected) this.#wasConnected = true;
    if (this.#connection.connectionState !== "failed") return;
    if (this.#wasConnected) this.#lose("The connection to the server was lost.");
    else this.#loseExplained();
  }

  #checkConnected() {
    if (!this.isConnected) this.#loseExplained();
  }

  async #loseExplained() {
    const reason = await this.explain();
    if (!this.isConnected) this.#lose(reason ?? "The connection failed.");
  }

  #lose(reason) {
    if (this.#isClosed) return;
    this.close();
    this.#on.lost(reason);
  }

  /** Frees the player lock at once; without it the server notices by the missing heartbeat. */
  #hangUp() {
    if (!this.#location) return;
    const gone = { method: "DELETE", token: this.#token, keepalive: true };
    call(this.#location, gone).catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
    });
  }
}
