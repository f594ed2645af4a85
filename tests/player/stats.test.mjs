import assert from "node:assert/strict";
import { test } from "node:test";

import { readReport } from "../../services/ingest/player/network.js";
import { percentile, PlayStats } from "../../services/ingest/player/stats.js";

const STAGES = { queue: 20, denoise: 25, decode: 4, encode: 2, hop: 1 };

function note(rtpTimestamp, actionSeq, more = {}) {
  return {
    rtp_timestamp: rtpTimestamp,
    action_seq: actionSeq,
    stage_ms: STAGES,
    speculative: false,
    level: 0,
    ...more,
  };
}

function shown(rtpTimestamp, displayMs, presentedFrames) {
  return {
    rtpTimestamp,
    presentedFrames,
    expectedDisplayTime: displayMs,
    receiveTime: displayMs - 10,
  };
}

test("action to photon is from sending an action to showing the first frame that saw it", () => {
  const stats = new PlayStats();
  stats.actionSent(1, 1000);
  stats.noteArrived(note(90, 1), 0);
  stats.frameShown(shown(90, 1080, 1));
  assert.deepEqual(stats.actionToPhoton, { p50: 80, p95: 80 });
});

test("a note may come after its frame was shown", () => {
  const stats = new PlayStats();
  stats.actionSent(1, 1000);
  stats.frameShown(shown(90, 1080, 1));
  assert.equal(stats.actionToPhoton.p50, null);
  stats.noteArrived(note(90, 1), 0);
  assert.equal(stats.actionToPhoton.p50, 80);
});

test("one frame answers every action up to its number, and none beyond", () => {
  const stats = new PlayStats();
  [1, 2, 3].forEach((seq) => stats.actionSent(seq, 1000 + seq * 10));
  stats.noteArrived(note(90, 2), 0);
  stats.frameShown(shown(90, 1100, 1));
  assert.deepEqual(stats.actionToPhoton, { p50: 80, p95: 90 });
});

test("an action counts once, for the first frame that saw it", () => {
  const stats = new PlayStats();
  stats.actionSent(1, 1000);
  for (const [rtp, at] of [[90, 1080], [91, 1140]]) {
    stats.noteArrived(note(rtp, 1), 0);
    stats.frameShown(shown(rtp, at, rtp - 89));
  }
  assert.deepEqual(stats.actionToPhoton, { p50: 80, p95: 80 });
});

test("frames the callback skipped are counted by the browser's own number", () => {
  const stats = new PlayStats();
  stats.frameShown(shown(1, 1000, 5));
  stats.frameShown(shown(3, 1100, 7));
  assert.equal(stats.frames, 3);
});

test("a new connection counts on and forgets actions that went down with the old one", () => {
  const stats = new PlayStats();
  stats.frameShown(shown(1, 1000, 40));
  stats.actionSent(1, 1001);
  stats.connectionBegan();
  stats.frameShown(shown(1, 9000, 7));
  stats.noteArrived(note(1, 1), 0);
  assert.equal(stats.frames, 2);
  assert.equal(stats.actionToPhoton.p50, null);
});

test("fps is what was shown in the last two seconds, and falls to 0 when nothing is", () => {
  const stats = new PlayStats();
  for (let i = 0; i < 70; i++) stats.frameShown(shown(i, 1000 + i * 50, i + 1));
  assert.equal(stats.fps(4460), 20);
  assert.equal(stats.fps(60_000), 0);
  assert.equal(stats.stalledMs(60_000), 60_000 - 4450);
});

test("level and speculative share come from the notes", () => {
  const stats = new PlayStats();
  stats.noteArrived(note(1, 0, { speculative: true }), 0);
  stats.noteArrived(note(2, 0, { level: 2 }), 0);
  assert.equal(stats.level, 2);
  assert.equal(stats.speculativeShare, 0.5);
});

test("the age of a frame is its making, its hop, half a round trip and the browser", () => {
  const stats = new PlayStats();
  assert.equal(stats.frameAgeMs, null);
  stats.rttMs = 8;
  stats.noteArrived(note(1, 0), 0);
  stats.frameShown(shown(1, 1000, 1));
  assert.equal(stats.frameAgeMs, 25 + 4 + 2 + 1 + 10 + 4);
});

test("memory is bounded however long nothing matches", () => {
  const stats = new PlayStats();
  for (let i = 0; i < 5000; i++) {
    stats.actionSent(i + 1, i);
    stats.noteArrived(note(i * 2, 0), 0);
    stats.frameShown(shown(i * 2 + 1, i, i + 1));
  }
  stats.noteArrived(note(4999 * 2 + 1, 5000), 0);
  assert.ok(stats.actionToPhoton.p95 <= 512);
});

test("a percentile is a value that was seen", () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.equal(percentile(values, 0.5), 50);
  assert.equal(percentile(values, 0.95), 95);
  assert.equal(percentile([7], 0.95), 7);
  assert.equal(percentile([], 0.5), null);
});

test("the bit rate is the difference of two reports", () => {
  const pair = { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.004 };
  const video = (timestamp, bytesReceived) => ({
    type: "inbound-rtp",
    kind: "video",
    timestamp,
    bytesReceived,
  });
  const first = readReport([video(1000, 5000), pair], null);
  assert.deepEqual(first, { counter: { atMs: 1000, bytes: 5000 }, kbps: null, rttMs: 4 });
  assert.equal(readReport([video(2000, 130_000)], first.counter).kbps, 1000);
});

test("frames that see no newer action show that the input does not arrive", () => {
  const stats = new PlayStats();
  stats.noteArrived(note(1, 5), 1000);
  stats.noteArrived(note(2, 6), 1060);
  assert.equal(stats.unheardMs(1060), 0);
  stats.noteArrived(note(3, 6), 4500);
  assert.equal(stats.unheardMs(4600), 3540);
  stats.noteArrived(note(4, 7), 4660);
  assert.equal(stats.unheardMs(4660), 0);
  assert.equal(stats.heardSeq, 7);
});

test("a world that has never heard an action is not heard either", () => {
  const stats = new PlayStats();
  stats.noteArrived(note(1, 0), 1000);
  stats.noteArrived(note(2, 0), 5000);
  assert.equal(stats.unheardMs(5000), 4000);
});

test("without notes nobody knows whether the input arrives", () => {
  const stats = new PlayStats();
  stats.noteArrived(note(1, 5), 1000);
  assert.equal(stats.isDrawn(1900), true);
  assert.equal(stats.isDrawn(2100), false);
  assert.equal(stats.unheardMs(60_000), 0);
});
