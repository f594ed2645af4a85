// The mouse pointer, locked to the picture while somebody plays with it. Asks for motion without
// the system's acceleration where the browser has that; a refused lock is tried once more.

// Chromium refuses a lock for 1.25 s after Escape gave the pointer back.
const RETRY_MS = 1400;
const TRYING_AGAIN = "The browser keeps the mouse free for a moment after Esc. Trying again.";
const REFUSED = "The browser did not give the mouse. Click the picture to try once more.";

export class PointerLock {
  #picture;
  #say;
  #retry = null;
  #isWanted = false; // asked for, and not closed since: an answer may come late

  /**
   * @param {HTMLElement} picture
   * @param {(hint: string) => void} say a hint for the player
   */
  constructor(picture, say) {
    this.#picture = picture;
    this.#say = say;
  }

  get isLocked() {
    return document.pointerLockElement === this.#picture;
  }

  /** Without a click just before, browsers may refuse; the keys still play. */
  async tryLock() {
    await this.#ask().catch(() => {});
  }

  /** After a click: a refusal is tried once more, and said. */
  async lock() {
    clearTimeout(this.#retry);
    try {
      await this.#ask();
    } catch {
      this.#say(TRYING_AGAIN);
      this.#retry = setTimeout(() => this.#ask().catch(() => this.#say(REFUSED)), RETRY_MS);
    }
  }

  close() {
    this.#isWanted = false;
    clearTimeout(this.#retry);
    if (this.isLocked) document.exitPointerLock();
  }

  async #ask() {
    this.#isWanted = true;
    await this.#grant();
    if (!this.#isWanted && this.isLocked) document.exitPointerLock();
  }

  async #grant() {
    try {
      await this.#request({ unadjustedMovement: true });
    } catch (error) {
      if (error?.name !== "NotSupportedError") throw error;
      await this.#request();
    }
  }

  /** Rejects when refused. Browsers without a promise here say it by an event. */
  #request(options) {
    return new Promise((resolve, reject) => {
      const heard = new AbortController();
      const settle = (result) => {
        heard.abort();
        result();
      };
      const listening = { signal: heard.signal };
      const refused = () => settle(() => reject(new Error("refused")));
      document.addEventListener("pointerlockchange", () => settle(resolve), listening);
      const answer = this.#picture.requestPointerLock(options);
      if (answer?.then) answer.then(() => settle(resolve), (error) => settle(() => reject(error)));
      else document.addEventListener("pointerlockerror", refused, listening);
    });
  }
}
