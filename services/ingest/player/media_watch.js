// Whether pictures have stayed away for so long that the player should be told why. Pure.

const PATIENCE_MS = 10_000;

export class MediaWatch {
  #fromMs = null; // since when a picture is due; null: none is
  #isVisible = true;

  /** A picture came, or pictures are due from now on. */
  begin(nowMs) {
    this.#fromMs = nowMs;
  }

  /** Browsers show a hidden page no frames; when it is back, they have their time again. */
  setVisible(isVisible, nowMs) {
    this.#isVisible = isVisible;
    if (this.#fromMs !== null) this.#fromMs = nowMs;
  }

  isSilent(nowMs) {
    return this.#isVisible && this.#fromMs !== null && nowMs - this.#fromMs > PATIENCE_MS;
  }
}
