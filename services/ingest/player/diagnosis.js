// Why no picture comes, from what the browser counts: words that say what is likely blocked. Pure.

const NO_UDP =
  "No video packet gets through between this browser and the server. A firewall or a VPN may block UDP; or this page came through an SSH tunnel, which carries no UDP (docs/remote.md says what to forward).";
const NO_DTLS =
  "The server was found, but the encrypted connection to it does not come up. A firewall or a proxy on the way may let single packets through and block the rest.";
const NO_PACKETS =
  "The connection stands, but no picture is being sent. The machine that draws your world may be stuck or very busy.";
const NO_FRAMES =
  "Video arrives, but this browser makes no picture of it. Much of it may get lost on the way, or the video decoder has failed.";

/**
 * @param {{ice: string, dtls: string}} transport states of the connection as the browser names them
 * @param {{packets: number, frames: number}} gained in the last moment
 * @returns {string | null} null when pictures do come
 */
export function explainNoPicture({ ice, dtls }, { packets, frames }) {
  if (!["connected", "completed"].includes(ice)) return NO_UDP;
  if (dtls !== "connected") return NO_DTLS;
  if (packets <= 0) return NO_PACKETS;
  return frames <= 0 ? NO_FRAMES : null;
}

/** Received packets and decoded frames so far, from an RTCStatsReport's values. */
export function videoCounts(entries) {
  const video = [...entries].find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
  return { packets: video?.packetsReceived ?? 0, frames: video?.framesDecoded ?? 0 };
}
