// The connection of a session, one peer after another: opens them, watches that pictures come, and
// says once when one is lost. Knows no states and no session service.

import { MediaWatch } from "./media_watch.js";
import { Peer } from "./peer.js";

export class Link {
  #on;
  #peer = null;
  #watch = new MediaWatch();
  #canTrickle = true;

  /**
   * @param {{stream: (s: MediaStream) => void, note: (n: object) => void,
   *   control: (m: object) => void, lost: (reason: string) => void,
   *   failed: (problem: Error) => void}} on `failed`: the offer was refused, or got no answer
   */
  constructor(on) {
    this.#on = on;
  }

  get isOpen() {
    return this.#peer !== null;
  }

  get isConnected() {
    return this.#peer?.isConnected ?? false;
  }

  /** @param {object} session {whep_url, actions_url, ice_servers, token} */
  async open({ whep_url: whepUrl, actions_url: actionsUrl, ice_servers: iceServers, token }) {
    const peer = new Peer(
      { ...this.#on, lost: (reason) => this.#lost(reason) },
      { iceServers, gathersFirst: !this.#canTrickle },
    );
    this.#peer = peer;
    this.expectPicture();
    try {
      await peer.open({ whepUrl, actionsUrl, token });
    } catch (problem) {
      if (this.#peer === peer) this.#on.failed(problem);
    }
  }

  close() {
    this.#peer?.close();
    this.#peer = null;
  }

  send(bytes) {
    return this.#peer?.send(bytes) ?? false;
  }

  say(message) {
    return this.#peer?.say(message) ?? false;
  }

  /** The browser's report, or null without a connection. */
  async statistics() {
    return (await this.#peer?.statistics()) ?? null;
  }

  /** A picture came, or pictures are due from now on. */
  expectPicture() {
    this.#watch.begin(performance.now());
  }

  setVisible(isVisible) {
    this.#watch.setVisible(isVisible, performance.now());
  }

  /** Why no picture has come for ten seconds, in words; null when there is nothing to explain. */
  async explainSilence() {
    const peer = this.#peer;
    if (!this.isConnected || !this.#watch.isSilent(performance.now())) return null;
    const reason = await peer.explain();
    return this.#peer === peer && this.#watch.isSilent(performance.now()) ? reason : null;
  }

  #lost(reason) {
    if (this.#peer?.hasTrickleFailed) this.#canTrickle = false;
    this.#on.lost(reason);
  }
}
