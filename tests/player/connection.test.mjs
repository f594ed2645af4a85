import assert from "node:assert/strict";
import { test } from "node:test";

import { missingFeature } from "../../services/ingest/player/capabilities.js";
import { explainNoPicture, videoCounts } from "../../services/ingest/player/diagnosis.js";
import { MediaWatch } from "../../services/ingest/player/media_watch.js";
import { fragment, Trickle } from "../../services/ingest/player/trickle.js";

const OFFERED = ["video/H264", "video/VP8"];
const H264 = { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=1;profile-level-id=42e01f" };
const SDP = [
  "v=0",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=ice-ufrag:Ab1x",
  "a=ice-pwd:secretsecretsecretsecret",
  "a=mid:0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=mid:1",
  "",
].join("\r\n");
const CANDIDATE = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host";

function browser(codecs) {
  class HTMLVideoElement {
    requestVideoFrameCallback() {}
  }
  const RTCRtpReceiver = { getCapabilities: () => codecs && { codecs } };
  return { RTCPeerConnection: class {}, HTMLVideoElement, RTCRtpReceiver };
}

test("a browser that decodes one of the codecs can play", () => {
  assert.equal(missingFeature(OFFERED, browser([H264])), null);
  assert.equal(missingFeature(OFFERED, browser([{ mimeType: "video/vp8" }])), null);
});

test("a browser that decodes none of them is told which it needs", () => {
  const others = [{ mimeType: "video/AV1" }, { mimeType: "video/VP9" }];
  assert.match(missingFeature(OFFERED, browser(others)), /cannot decode .*\(H264 or VP8\)/);
  const otherMode = { ...H264, sdpFmtpLine: "packetization-mode=0" };
  assert.match(missingFeature(["video/H264"], browser([otherMode])), /H264/);
});

test("a browser that does not tell what it decodes may try", () => {
  assert.equal(missingFeature(OFFERED, browser(null)), null);
});

test("a browser without WebRTC, or too old for it, is told so", () => {
  assert.match(missingFeature(OFFERED, { ...browser([H264]), RTCPeerConnection: undefined }), /WebRTC/);
  assert.match(missingFeature(OFFERED, { ...browser([H264]), HTMLVideoElement: class {} }), /too old/);
});

test("no picture is explained by the first thing that is missing", () => {
  const some = { packets: 9, frames: 1 };
  const at = (ice, dtls, gained = some) => explainNoPicture({ ice, dtls }, gained);
  assert.match(at("checking", "new"), /UDP/);
  assert.match(at("failed", "new"), /SSH tunnel.*docs\/remote\.md/);
  assert.match(at("connected", "connecting"), /encrypted/);
  assert.match(at("connected", "connected", { packets: 0, frames: 0 }), /no picture is being sent/);
  assert.match(at("completed", "connected", { packets: 9, frames: 0 }), /makes no picture of it/);
  assert.equal(at("connected", "connected"), null);
});

test("the counts are those of the video that comes in", () => {
  const entries = [
    { type: "outbound-rtp", kind: "video", packetsReceived: 1 },
    { type: "inbound-rtp", kind: "video", packetsReceived: 7, framesDecoded: 2 },
  ];
  assert.deepEqual(videoCounts(entries), { packets: 7, frames: 2 });
  assert.deepEqual(videoCounts([]), { packets: 0, frames: 0 });
});

test("ten seconds without a picture are too long, but not on a hidden page", () => {
  const watch = new MediaWatch();
  assert.equal(watch.isSilent(60_000), false); // none is due
  watch.begin(1000);
  assert.equal(watch.isSilent(10_900), false);
  assert.equal(watch.isSilent(11_100), true);
  watch.setVisible(false, 11_100);
  assert.equal(watch.isSilent(60_000), false);
  watch.setVisible(true, 60_000);
  assert.equal(watch.isSilent(60_500), false);
  assert.equal(watch.isSilent(70_500), true);
});

test("a fragment says whose candidates it holds, and of which section", () => {
  const lines = fragment(SDP, [{ candidate: CANDIDATE, sdpMid: "0" }]).split("\r\n");
  assert.deepEqual(lines, [
    "a=ice-ufrag:Ab1x",
    "a=ice-pwd:secretsecretsecretsecret",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "a=mid:0",
    `a=${CANDIDATE}`,
    "",
  ]);
});

function trickling(answerStatus = 204) {
  const sent = [];
  globalThis.fetch = async (url, { method, body }) => {
    sent.push({ url, method, body });
    return new Response(null, { status: answerStatus });
  };
  const connection = { localDescription: { sdp: SDP } };
  const trickle = new Trickle(connection);
  const found = (candidate) => connection.onicecandidate({ candidate: { candidate, sdpMid: "0" } });
  return { trickle, found, sent };
}

test("candidates wait for the answer's address and then go as they come, together", async () => {
  const { trickle, found, sent } = trickling();
  found(`${CANDIDATE} in-the-offer`);
  trickle.offerLeft();
  found(`${CANDIDATE} a`);
  found(`${CANDIDATE} b`);
  assert.equal(sent.length, 0);
  trickle.begin("http://127.0.0.1/whep/s/p");
  found(`${CANDIDATE} c`);
  await new Promise(setImmediate);
  assert.deepEqual(sent.map(({ method }) => method), ["PATCH", "PATCH"]);
  assert.match(sent[0].body, / a\r\n.* b\r\n$/);
  assert.match(sent[1].body, / c\r\n$/);
  assert.ok(!sent[0].body.includes("in-the-offer"));
});

test("local names are not sent: they mean nothing to a server", async () => {
  const { trickle, found, sent } = trickling();
  trickle.begin("http://127.0.0.1/whep/s/p");
  found("candidate:1 1 udp 1 5f0e.local 50000 typ host");
  await new Promise(setImmediate);
  assert.equal(sent.length, 0);
});

test("where PATCH is not taken, it is tried once and remembered", async () => {
  const { trickle, found, sent } = trickling(405);
  trickle.begin("http://127.0.0.1/whep/s/p");
  found(CANDIDATE);
  await new Promise(setImmediate);
  assert.equal(trickle.hasFailed, true);
  found(CANDIDATE);
  await new Promise(setImmediate);
  assert.equal(sent.length, 1);
});
