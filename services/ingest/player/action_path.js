// How an action travels: the data channel `input`, or a WebSocket when that does not open.
// Knows nothing of what an action holds.

const CHANNEL_PATIENCE_MS = 3000;
const MAX_BUFFERED_BYTES = 512; // actions are state: a late one is worth nothing, so none may queue

export class ActionPath {
  #channel;
  #socket = null;
  #patience = null;

  /** @param {RTCDataChannel} channel */
  constructor(channel) {
    this.#channel = channel;
  }

  /** The transport is up: from here the channel has a moment to open before a socket replaces it. */
  transportIsUp(actionsUrl, token) {
    this.#patience = setTimeout(() => {
      if (this.#channel.readyState !== "open") this.#openSocket(actionsUrl, token);
    }, CHANNEL_PATIENCE_MS);
  }

  /** Sends one action now or drops it; true when it left. */
  send(bytes) {
    const way = this.#channel.readyState === "open" ? this.#channel : this.#socket;
    const isOpen = way === this.#channel || way?.readyState === WebSocket.OPEN;
    if (!isOpen || way.bufferedAmount > MAX_BUFFERED_BYTES) return false;
    way.send(bytes);
    return true;
  }

  close() {
    clearTimeout(this.#patience);
    this.#socket?.close();
  }

  #openSocket(actionsUrl, token) {
    const url = new URL(actionsUrl, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    // A WebSocket cannot carry headers; as a subprotocol the token stays out of access logs.
    this.#socket = new WebSocket(url, ["nextframe", token]);
    this.#socket.binaryType = "arraybuffer";
  }
}
