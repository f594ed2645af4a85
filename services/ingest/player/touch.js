// A touch pad on phones: the left side is a stick, the right side looks around, one button acts.
// Changes the same input state as the keyboard does; knows nothing of it.

import { hasCamera, padButtonsOf, thumbButtonOf } from "./keys.js";
import { DIRECTIONS, stickDirections } from "./pads.js";

const REACH_PX = 44; // how far the stick's knob goes
const DEAD_ZONE_PX = 12;
const HALF_TURN_DEG = 180; // a drag over the whole width of the screen

export class TouchPad {
  #pad;
  #input;
  #changed;
  #pads; // as a gamepad's: direction -> button of the world
  #listening = new AbortController();

  /**
   * @param {HTMLElement} pad holds `.stick`, `.turn` and `.act`
   * @param {import("./input_state.js").InputState} input
   * @param {() => void} changed called after every change of the input
   * @param {object} world its listing
   */
  constructor(pad, input, changed, world) {
    this.#pad = pad;
    this.#input = input;
    this.#changed = changed;
    this.#pads = padButtonsOf(world);
    this.#drag(".stick", (dx, dy) => this.#walk(dx, dy), () => this.#walk(0, 0));
    this.#followTurns(world);
    this.#followAct(world);
  }

  close() {
    this.#listening.abort();
    this.#walk(0, 0);
  }

  #walk(dx, dy) {
    const wanted = stickDirections(dx, dy, DEAD_ZONE_PX);
    for (const direction of DIRECTIONS) {
      this.#hold(`touch ${direction}`, this.#pads.get(direction), wanted.includes(direction));
    }
    const shorten = Math.min(1, REACH_PX / (Math.hypot(dx, dy) || 1));
    const knob = this.#pad.querySelector(".knob");
    knob.style.transform = `translate(${dx * shorten}px, ${dy * shorten}px)`;
  }

  #followTurns(world) {
    const area = this.#pad.querySelector(".turn");
    area.hidden = !hasCamera(world);
    const countsPerPx = HALF_TURN_DEG / window.innerWidth / world.degrees_per_count;
    const last = { dx: 0, dy: 0 };
    const turn = (dx, dy) => {
      this.#input.addMotion((dx - last.dx) * countsPerPx, (dy - last.dy) * countsPerPx);
      Object.assign(last, { dx, dy });
      this.#changed();
    };
    this.#drag(".turn", turn, () => Object.assign(last, { dx: 0, dy: 0 }));
  }

  #followAct(world) {
    const control = thumbButtonOf(world);
    const area = this.#pad.querySelector(".act");
    area.hidden = !control;
    area.textContent = control?.label.split(",")[0] ?? "";
    const hold = (isHeld) => this.#hold("touch act", control?.button, isHeld);
    this.#drag(".act", () => hold(true), () => hold(false));
  }

  #hold(source, button, isHeld) {
    const isChanged = isHeld ? this.#input.press(source, button) : this.#input.release(source);
    if (isChanged) this.#changed();
  }

  /** Follows one finger from where it went down: `move(dx, dy)` at once and on every motion. */
  #drag(selector, move, end) {
    const area = this.#pad.querySelector(selector);
    let finger = null;
    const listen = (type, listener) =>
      area.addEventListener(type, listener, { signal: this.#listening.signal });
    listen("pointerdown", (event) => {
      if (finger) return;
      event.preventDefault();
      area.setPointerCapture(event.pointerId);
      finger = { id: event.pointerId, x: event.clientX, y: event.clientY };
      move(0, 0);
    });
    listen("pointermove", (event) => {
      if (event.pointerId === finger?.id) move(event.clientX - finger.x, event.clientY - finger.y);
    });
    const lift = (event) => {
      if (event.pointerId !== finger?.id) return;
      finger = null;
      end();
    };
    listen("pointerup", lift);
    listen("pointercancel", lift);
  }
}
