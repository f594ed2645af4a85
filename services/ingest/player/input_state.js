// The input state now: buttons by name, mouse counts, and the number of the next action.
// Knows nothing of keyboards, touch or the network; `controls.js` and `touch.js` change this state.

export class InputState {
  #bits; // button name -> bit of the world's action space
  #down = new Map(); // who holds it (a key, a finger) -> bit
  #pressed = 0;
  #x = 0;
  #y = 0;
  #seq = 0;

  /**
   * @param {string[]} buttons the world's buttons in wire order
   * @param {{seq: number, x: number, y: number}} count where another page left off: the world
   *   drops an action that is not newer than the last, and turns by the difference of totals
   */
  constructor(buttons, { seq, x, y } = { seq: 0, x: 0, y: 0 }) {
    this.#bits = new Map(buttons.map((name, bit) => [name, bit]));
    [this.#seq, this.#x, this.#y] = [seq, x, y];
  }

  /** For the page that goes on after this one. */
  get count() {
    return { seq: this.#seq, x: this.#x, y: this.#y };
  }

  /** The world has seen an action of this number already: the next one is newer. */
  catchUp(seq) {
    this.#seq = Math.max(this.#seq, seq);
  }

  /** Whether the world knows this button. */
  has(button) {
    return this.#bits.has(button);
  }

  /** `source` (a key, a finger) begins to hold a button; true when that changed something. */
  press(source, button) {
    const bit = this.#bits.get(button);
    if (bit === undefined || this.#down.has(source)) return false;
    if (!(this.held & (1 << bit))) this.#pressed |= 1 << bit;
    this.#down.set(source, bit);
    return true;
  }

  /** `source` lets go of whatever it held; true when it held something. */
  release(source) {
    return this.#down.delete(source);
  }

  /** Nothing is held from here on: the window lost the keyboard. True when something was held. */
  releaseAll() {
    const held = this.#down.size > 0;
    this.#down.clear();
    return held;
  }

  /** Mouse motion in counts, to the right and down. */
  addMotion(dx, dy) {
    this.#x += dx;
    this.#y += dy;
  }

  get held() {
    let mask = 0;
    for (const bit of this.#down.values()) mask |= 1 << bit;
    return mask;
  }

  /** The next action for the wire; the taps it carries are then used up. */
  take(sentAtMs) {
    const action = {
      held: this.held,
      pressed: this.#pressed,
      xTotal: Math.round(this.#x),
      yTotal: Math.round(this.#y),
      seq: ++this.#seq,
      sentAtMs,
    };
    this.#pressed = 0;
    return action;
  }
}
