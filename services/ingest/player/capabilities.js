// What a browser lacks to play, found before a session is created. Pure.

/**
 * @param {string[]} video MIME types of the codecs that a session can be played in
 * @param {object} browser the window, or a test's
 * @returns {string | null} what is missing, as sentences for the player; null when it can play
 */
export function missingFeature(video, browser) {
  if (!browser.RTCPeerConnection) {
    return "This browser has no WebRTC, or it is switched off (some privacy settings do that). The world comes as live video over WebRTC: switch it on, or use another browser.";
  }
  if (!("requestVideoFrameCallback" in browser.HTMLVideoElement.prototype)) {
    return "This browser is too old to show a live world. A newer version of it can.";
  }
  const codecs = browser.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  if (!codecs || video.some((mimeType) => codecs.some((codec) => canDecode(codec, mimeType)))) {
    return null; // a browser that does not tell may well be able to
  }
  const names = video.map((mimeType) => mimeType.replace("video/", "")).join(" or ");
  return `This browser cannot decode the video of these worlds (${names}). Update it or use another one; in Firefox, H.264 comes as a plugin that it loads by itself some minutes after its first start.`;
}

/** H.264 is sent in packetization mode 1 only. */
function canDecode(codec, mimeType) {
  if (codec.mimeType.toLowerCase() !== mimeType.toLowerCase()) return false;
  const isH264 = mimeType.toLowerCase() === "video/h264";
  return !isH264 || /packetization-mode=1/.test(codec.sdpFmtpLine ?? "");
}
