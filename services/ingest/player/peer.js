// One WebRTC connection to the edge: an offer by HTTP (WHEP), video in, three data channels.
// Knows neither sessions nor screens; when it is lost it says so once and is never used again.

import { ActionPath } from "./action_path.js";
import { call, Problem } from "./api.js";

const CONNECT_MS = 10_000;
const GATHER_MS = 1000;
const BEAT_MS = 1000;
const SILENCE_MS = 6000;
const NO_RETRANSMITS = { ordered: false, maxRetransmits: 0 };

export class Peer {
  #on;
  #connection;
  #actions;
  #control;
  #location = null;
  #token = null;
  #timers = [];
  #isClosed = false;

  /**
   * @param {{stream: (s: MediaStream) => void, note: (n: object) => void,
   *   control: (m: object) => void, lost: (reason: string) => void}} on
   */
  constructor(on, iceServers) {
    this.#on = on;
    this.#connection = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#connection.onconnectionstatechange = () => this.#onConnectionState();
    this.#receiveVideo();
    this.#openChannels();
  }

  /** Offers and takes the answer; throws a Problem when the edge refuses or does not answer. */
  async open({ whepUrl, actionsUrl, token }) {
    this.#token = token;
    this.#timers.push(setTimeout(() => this.#checkConnected(), CONNECT_MS));
    await this.#connection.setLocalDescription();
    // With no server to learn addresses from, ours are local names that mean nothing to the edge:
    // it answers where our checks come from, so the offer need not wait for them.
    if (this.#connection.getConfiguration().iceServers.length > 0) await this.#gathered();
    const response = await call(whepUrl, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: this.#connection.localDescription.sdp,
      token,
    });
    const answer = await response.text();
    const location = response.headers.get("Location");
    if (location) this.#location = new URL(location, whepUrl).href;
    if (this.#isClosed) return this.#hangUp();
    await this.#connection.setRemoteDescription({ type: "answer", sdp: answer });
    this.#actions.transportIsUp(actionsUrl, token);
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

  /** Closes for good and tells the edge. Safe to call twice. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timers.forEach(clearTimeout); // ids of intervals too: they share one pool
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
    this.#control.onclose = () => this.#lose("The connection was closed.");
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
      if (performance.now() - heardAt > SILENCE_MS) return this.#lose("The line went silent.");
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
    if (this.#connection.connectionState === "failed") this.#lose("The connection failed.");
  }

  #checkConnected() {
    if (this.#connection.connectionState !== "connected") this.#lose("No way to the edge was found.");
  }

  #lose(reason) {
    if (this.#isClosed) return;
    this.close();
    this.#on.lost(reason);
  }

  /** Frees the seat at once; without it the edge notices by the missing heartbeat. */
  #hangUp() {
    if (!this.#location) return;
    const gone = { method: "DELETE", token: this.#token, keepalive: true };
    call(this.#location, gone).catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
    });
  }
}
