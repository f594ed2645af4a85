// What the browser's own connection report says, as the few numbers the HUD shows. Pure.

/**
 * @param {Iterable<object>} entries the values of an RTCStatsReport
 * @param {{atMs: number, bytes: number} | null} before what this returned as `counter` last time
 * @returns {{counter: object | null, kbps: number | null, rttMs: number | null}}
 */
export function readReport(entries, before) {
  const all = [...entries];
  const video = all.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
  const pair = all.find((entry) => entry.type === "candidate-pair" && entry.nominated);
  const counter = video ? { atMs: video.timestamp, bytes: video.bytesReceived } : null;
  const rttS = pair?.currentRoundTripTime;
  return { counter, kbps: rate(before, counter), rttMs: rttS === undefined ? null : rttS * 1000 };
}

/** Kilobits per second between two counters (bits per ms are kbit/s); null where one is missing. */
function rate(before, after) {
  if (!before || !after || after.atMs <= before.atMs || after.bytes < before.bytes) return null;
  return ((after.bytes - before.bytes) * 8) / (after.atMs - before.atMs);
}
