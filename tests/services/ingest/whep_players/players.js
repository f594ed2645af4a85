// Starts a third-party WHEP player on #view; `window.watch(name, url, token)` is called by the test.

const view = document.getElementById("view");

/** A CommonJS file of an npm package; what it requires must be in `known`. */
async function load(path, known = {}) {
  const module = { exports: {} };
  const source = await (await fetch(path)).text();
  new Function("module", "exports", "require", source)(module, module.exports, (name) => known[name]);
  return module.exports;
}

const players = {
  async "whip-whep"(url, token) {
    const { WHEPClient } = await import("/node_modules/whip-whep/whep.js");
    const connection = new RTCPeerConnection();
    connection.addTransceiver("video", { direction: "recvonly" });
    connection.addTransceiver("audio", { direction: "recvonly" });
    connection.ontrack = ({ track }) => show(track);
    const client = new WHEPClient();
    await client.view(connection, url, token);
    return () => client.stop();
  },

  async "@eyevinn/webrtc-player"(url, token) {
    const events = await load("/node_modules/events/events.js");
    const known = { events, "@eyevinn/csai-manager": {}, "@eyevinn/whpp-client": {} };
    const file = "/node_modules/@eyevinn/webrtc-player/dist/main.js";
    const { WebRTCPlayer } = await load(file, known);
    const player = new WebRTCPlayer({ video: view, type: "whep", iceServers: [] });
    await player.load(new URL(url), `Bearer ${token}`);
    return () => player.unload();
  },

  // No library: what a browser offers after its first video and its sound were stopped.
  async "stopped sections"(url, token) {
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    connection.addTransceiver("video", { direction: "inactive" });
    connection.addTransceiver("audio", { direction: "inactive" });
    connection.addTransceiver("video", { direction: "recvonly" });
    connection.ontrack = ({ track }) => show(track);
    await connection.setLocalDescription();
    const headers = { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` };
    const body = connection.localDescription.sdp;
    const response = await fetch(url, { method: "POST", headers, body });
    await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    const location = new URL(response.headers.get("Location"), url);
    return () => fetch(location, { method: "DELETE" });
  },
};

function show(track) {
  if (track.kind === "video") view.srcObject = new MediaStream([track]);
}

/** Resolves when `count` further frames have been shown. */
window.shown = (count) =>
  new Promise((resolve) => {
    const seen = () => (--count > 0 ? view.requestVideoFrameCallback(seen) : resolve());
    view.requestVideoFrameCallback(seen);
  });
window.watch = async (name, url, token) => {
  window.stop = await players[name](url, token);
};
