// Writes keyboard and mouse to the input state: keys by physical position (`event.code`), buttons
// by the world's names. Knows nothing of touch, of how actions travel, or of what a button does.

import { hasCamera, keysOf, mouseButtonsOf } from "./keys.js";

// Browsers now and then report one motion of thousands of counts; a fast flick has some hundreds.
const MAX_COUNTS_AN_EVENT = 400;
const META = ["Meta", "OS"];

export class Controls {
  #picture;
  #pointer;
  #input;
  #changed;
  #keys; // code -> button
  #mouse; // MouseEvent.button -> button
  #hasCamera;
  #listening = new AbortController();

  /**
   * @param {HTMLElement} picture what a click locks the pointer to
   * @param {import("./pointer.js").PointerLock} pointer
   * @param {import("./input_state.js").InputState} input
   * @param {() => void} changed called after every change of the input
   * @param {object} world its listing
   */
  constructor({ picture, pointer, input, changed, world }) {
    this.#picture = picture;
    this.#pointer = pointer;
    this.#input = input;
    this.#changed = changed;
    this.#keys = new Map(keysOf(world).map(({ code, button }) => [code, button]));
    this.#mouse = new Map(mouseButtonsOf(world).map((mouse) => [mouse.mouseButton, mouse.button]));
    this.#hasCamera = hasCamera(world);
    this.#listen(document, "keydown", (event) => this.#onKeyDown(event));
    this.#listen(document, "keyup", (event) => this.#onKeyUp(event));
    this.#listen(document, "mousemove", (event) => this.#onMouseMove(event));
    this.#listen(document, "mousedown", (event) => this.#onMouseDown(event));
    this.#listen(document, "mouseup", (event) => this.#after(input.release(mouseSource(event))));
    this.#listen(document, "contextmenu", (event) => pointer.isLocked && event.preventDefault());
    this.#listen(document, "visibilitychange", () => this.#releaseAll());
    this.#listen(document, "pointerlockchange", () => pointer.isLocked || this.#releaseAll());
    this.#listen(window, "blur", () => this.#releaseAll());
    if (this.#hasCamera && matchMedia("(pointer: fine)").matches) pointer.tryLock();
  }

  /** Before each action: nothing is held without the keyboard, whatever event got lost. */
  sample() {
    if (!document.hasFocus()) this.#releaseAll();
  }

  close() {
    this.#listening.abort();
    this.#input.releaseAll();
    this.#pointer.close();
  }

  #onKeyDown(event) {
    if (META.includes(event.key)) return this.#releaseAll();
    const button = this.#keys.get(event.code);
    if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("button, select, input") && event.code === "Space") return;
    event.preventDefault(); // arrows and space would scroll
    this.#after(this.#input.press(event.code, button)); // a repeat takes up what blur let go of
  }

  /** While Meta is down, macOS tells of no other key that comes up. */
  #onKeyUp(event) {
    if (META.includes(event.key)) this.#releaseAll();
    else this.#after(this.#input.release(event.code));
  }

  #onMouseMove(event) {
    if (!this.#pointer.isLocked || !(event.movementX || event.movementY)) return;
    this.#input.addMotion(clamped(event.movementX), clamped(event.movementY));
    this.#changed();
  }

  #onMouseDown(event) {
    if (event.target !== this.#picture) return;
    const wantsLock = this.#hasCamera && !this.#pointer.isLocked;
    if (!wantsLock) this.#press(event);
    else if (event.button === 0) this.#pointer.lock();
  }

  #press(event) {
    const button = this.#mouse.get(event.button);
    this.#after(button !== undefined && this.#input.press(mouseSource(event), button));
  }

  #releaseAll() {
    this.#after(this.#input.releaseAll());
  }

  #after(isChanged) {
    if (isChanged) this.#changed();
  }

  #listen(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.#listening.signal });
  }
}

function clamped(counts) {
  return Math.max(-MAX_COUNTS_AN_EVENT, Math.min(MAX_COUNTS_AN_EVENT, counts));
}

function mouseSource(event) {
  return `mouse ${event.button}`;
}
