// Keyboard and mouse to hands. Keys by their place on the keyboard (`event.code`), buttons by the
// world's names. Knows nothing of touch, of how actions travel, or of what a button does.

// A key or mouse button holds the first of its buttons that the world has.
const KEYS = {
  KeyW: ["forward"],
  KeyS: ["back"],
  KeyA: ["left"],
  KeyD: ["right"],
  ArrowUp: ["forward"],
  ArrowDown: ["back"],
  ArrowLeft: ["turn_left"],
  ArrowRight: ["turn_right"],
  Space: ["act", "jump"],
  ShiftLeft: ["sneak"],
  KeyC: ["sprint"], // not Control: with W it would close the tab
  KeyQ: ["drop"],
};
for (let slot = 1; slot <= 9; slot += 1) KEYS[`Digit${slot}`] = [`hotbar.${slot}`];
const MOUSE = { 0: ["act", "attack"], 2: ["use"] };

export class Controls {
  #picture;
  #hands;
  #changed;
  #listening = new AbortController();

  /**
   * @param {HTMLElement} picture what the pointer is locked to
   * @param {import("./hands.js").Hands} hands
   * @param {() => void} changed called after every change of the hands
   */
  constructor(picture, hands, changed) {
    this.#picture = picture;
    this.#hands = hands;
    this.#changed = changed;
    this.#listen(document, "keydown", (event) => this.#onKeyDown(event));
    this.#listen(document, "keyup", (event) => this.#after(hands.release(event.code)));
    this.#listen(document, "mousemove", (event) => this.#onMouseMove(event));
    this.#listen(document, "mousedown", (event) => this.#onMouseDown(event));
    this.#listen(document, "mouseup", (event) => this.#after(hands.release(mouseSource(event))));
    this.#listen(document, "contextmenu", (event) => this.#isLocked && event.preventDefault());
    this.#listen(document, "visibilitychange", () => this.#after(hands.letGo()));
    this.#listen(document, "pointerlockchange", () => this.#onLockChange());
    this.#listen(window, "blur", () => this.#after(hands.letGo()));
  }

  /** Asks for the pointer; the browser may refuse when no click asked for it. */
  async lockPointer() {
    try {
      await this.#picture.requestPointerLock();
    } catch {
      // The keys still play; a click on the picture asks again.
    }
  }

  close() {
    this.#listening.abort();
    this.#hands.letGo();
    if (this.#isLocked) document.exitPointerLock();
  }

  get #isLocked() {
    return document.pointerLockElement === this.#picture;
  }

  #onKeyDown(event) {
    const buttons = KEYS[event.code];
    if (!buttons || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("button, select, input") && event.code === "Space") return;
    event.preventDefault(); // arrows and space would scroll
    this.#press(event.code, buttons); // a repeat takes up what blur let go of
  }

  /** The lock comes some time after the click that asked for it: keys held by then stay held. */
  #onLockChange() {
    if (!this.#isLocked) this.#after(this.#hands.letGo());
  }

  #onMouseMove(event) {
    if (!this.#isLocked || !(event.movementX || event.movementY)) return;
    this.#hands.look(event.movementX, event.movementY);
    this.#changed();
  }

  #onMouseDown(event) {
    if (event.target !== this.#picture) return;
    if (this.#isLocked) this.#press(mouseSource(event), MOUSE[event.button] ?? []);
    else if (event.button === 0) this.lockPointer();
  }

  #press(source, buttons) {
    this.#after(buttons.some((button) => this.#hands.press(source, button)));
  }

  #after(isChanged) {
    if (isChanged) this.#changed();
  }

  #listen(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.#listening.signal });
  }
}

function mouseSource(event) {
  return `mouse ${event.button}`;
}
