// The world's video on the page: its stream, the last frame of it behind words, and a tap where the
// browser plays no video without one. Knows no sessions.

export class Picture {
  isBlocked = false; // the browser wants a tap before it plays
  #video;
  #still;
  #on;

  /**
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} still shows the last frame when the video is gone
   * @param {{shown: (metadata: object) => void, blocked: () => void}} on `shown`: a frame is on the
   *   screen; `blocked`: `isBlocked` has changed
   */
  constructor(video, still, on) {
    this.#video = video;
    this.#still = still;
    this.#on = on;
  }

  show(stream) {
    this.#video.srcObject = stream;
    const shown = (_, metadata) => {
      if (this.#video.srcObject !== stream) return;
      this.#on.shown(metadata);
      this.#video.requestVideoFrameCallback(shown);
    };
    this.#video.requestVideoFrameCallback(shown);
    this.play();
  }

  /** Also from a tap: then no browser refuses. */
  async play() {
    let isBlocked = false;
    try {
      await this.#video.play();
    } catch (error) {
      isBlocked = error.name === "NotAllowedError"; // any other: a newer stream took its place
    }
    if (isBlocked === this.isBlocked) return;
    this.isBlocked = isBlocked;
    this.#on.blocked();
  }

  stop() {
    this.#video.srcObject = null;
  }

  /** The last frame stays behind the words; a closed connection leaves a black one. */
  keepStill() {
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth) return;
    Object.assign(this.#still, { width: videoWidth, height: videoHeight });
    this.#still.getContext("2d").drawImage(this.#video, 0, 0);
  }
}
