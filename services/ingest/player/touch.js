// A touch pad on phones: the left side is a stick, the right side looks around, one button acts.
// Moves the same hands as the keyboard does; knows nothing of it.

const REACH_PX = 44; // how far the stick's knob goes
const DEAD_ZONE_PX = 12;
const HALF_TURN_DEG = 180; // a drag over the whole width of the screen
const ACT = ["act", "attack"]; // the first of them that the world has

/** The walking buttons for a stick at (dx, dy) px from its middle; eight directions. Pure. */
export function stickButtons(dx, dy) {
  if (Math.hypot(dx, dy) < DEAD_ZONE_PX) return [];
  const eighth = Math.round(Math.atan2(dy, dx) / (Math.PI / 4));
  const buttons = [];
  if (eighth <= -1 && eighth >= -3) buttons.push("forward");
  if (eighth >= 1 && eighth <= 3) buttons.push("back");
  if (Math.abs(eighth) <= 1) buttons.push("right");
  if (Math.abs(eighth) >= 3) buttons.push("left");
  return buttons;
}

export class TouchPad {
  #pad;
  #hands;
  #changed;
  #countsPerPx;
  #listening = new AbortController();

  /**
   * @param {HTMLElement} pad holds `.stick`, `.turn` and `.act`
   * @param {import("./hands.js").Hands} hands
   * @param {() => void} changed called after every change of the hands
   * @param {number} degreesPerCount of the world
   */
  constructor(pad, hands, changed, degreesPerCount) {
    this.#pad = pad;
    this.#hands = hands;
    this.#changed = changed;
    this.#countsPerPx = HALF_TURN_DEG / window.innerWidth / degreesPerCount;
    this.#drag(".stick", (dx, dy) => this.#walk(dx, dy), () => this.#walk(0, 0));
    const last = { dx: 0, dy: 0 };
    this.#drag(
      ".turn",
      (dx, dy) => {
        hands.look((dx - last.dx) * this.#countsPerPx, (dy - last.dy) * this.#countsPerPx);
        Object.assign(last, { dx, dy });
        changed();
      },
      () => Object.assign(last, { dx: 0, dy: 0 }),
    );
    const act = ACT.find((button) => hands.has(button));
    this.#drag(".act", () => this.#hold(act, true), () => this.#hold(act, false));
  }

  close() {
    this.#listening.abort();
    this.#walk(0, 0);
  }

  #walk(dx, dy) {
    const wanted = stickButtons(dx, dy);
    for (const button of ["forward", "back", "left", "right"]) {
      this.#hold(button, wanted.includes(button));
    }
    const shorten = Math.min(1, REACH_PX / (Math.hypot(dx, dy) || 1));
    const knob = this.#pad.querySelector(".knob");
    knob.style.transform = `translate(${dx * shorten}px, ${dy * shorten}px)`;
  }

  #hold(button, isHeld) {
    const source = `touch ${button}`;
    const isChanged = isHeld ? this.#hands.press(source, button) : this.#hands.release(source);
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
