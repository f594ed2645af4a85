// ICE candidates as they come (trickle, RFC 8840): what the offer did not hold goes to the server
// by PATCH, in order, several at once where they queue up. Knows no sessions and no screens.

import { call, Problem } from "./api.js";

export class Trickle {
  hasFailed = false; // the server, or something before it, takes no PATCH
  #connection;
  #location = null;
  #waiting = [];
  #isSending = false;
  #isClosed = false;

  /** @param {RTCPeerConnection} connection before its local description is set */
  constructor(connection) {
    this.#connection = connection;
    connection.onicecandidate = ({ candidate }) => this.#found(candidate);
  }

  /** The offer is on its way with what was found so far; the rest waits for `begin`. */
  offerLeft() {
    this.#waiting = [];
  }

  /** The server has the offer: its address for further candidates. */
  begin(location) {
    this.#location = location;
    this.#send();
  }

  close() {
    this.#isClosed = true;
  }

  /** Local names (mDNS) mean nothing to a server: it learns such addresses from our checks. */
  #found(candidate) {
    if (!candidate?.candidate || candidate.candidate.includes(".local ")) return;
    this.#waiting.push(candidate);
    this.#send();
  }

  async #send() {
    if (!this.#location || this.#isSending || this.hasFailed) return;
    this.#isSending = true;
    try {
      while (this.#waiting.length > 0 && !this.#isClosed) await this.#patch(this.#waiting.splice(0));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.hasFailed = true;
    }
    this.#isSending = false;
  }

  async #patch(candidates) {
    await call(this.#location, {
      method: "PATCH",
      headers: { "Content-Type": "application/trickle-ice-sdpfrag" },
      body: fragment(this.#connection.localDescription.sdp, candidates),
    });
  }
}

/**
 * Candidates as a fragment (RFC 8840, section 4.4): whose they are, then per media section its line,
 * its mid and its candidates.
 * @param {string} sdp the offer that they belong to
 * @param {{candidate: string, sdpMid: string}[]} candidates
 */
export function fragment(sdp, candidates) {
  const [, ...sections] = sdp.split(/^(?=m=)/m);
  const lines = [sdp.match(/^a=ice-ufrag:.*$/m)[0], sdp.match(/^a=ice-pwd:.*$/m)[0]];
  for (const section of sections) {
    const mid = section.match(/^a=mid:(.*?)\r?$/m)?.[1];
    const own = candidates.filter(({ sdpMid }) => sdpMid === mid);
    if (own.length === 0) continue;
    lines.push(section.match(/^m=.*$/m)[0], `a=mid:${mid}`);
    lines.push(...own.map(({ candidate }) => `a=${candidate}`));
  }
  return lines.map((line) => `${line.trim()}\r\n`).join("");
}
