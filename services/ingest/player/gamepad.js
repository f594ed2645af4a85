// Writes a gamepad in the standard mapping to the input state: the left stick and the cross move,
// the right stick turns the camera, buttons press. Read once per action; knows nothing of how actions travel.

import { hasCamera, padButtonsOf } from "./keys.js";
import { stickDirections } from "./pads.js";

const DEAD_ZONE = 0.2; // of a stick's way: worn sticks rest beside their middle
const WALK_ZONE = 0.35;
const PRESSED = 0.5; // of a trigger's way
const TURN_DEG_PER_S = 200; // with the stick at its end
const MAX_STEP_MS = 100; // after a pause the view does not jump

export class Gamepads {
  #input;
  #pads; // gamepad button -> button of the world
  #countsPerMs;
  #read;
  #lastMs = null;

  /**
   * @param {import("./input_state.js").InputState} input
   * @param {object} world its listing
   * @param {() => (Gamepad | null)[]} read
   */
  constructor(input, world, read = () => navigator.getGamepads?.() ?? []) {
    this.#input = input;
    this.#pads = padButtonsOf(world);
    this.#countsPerMs = hasCamera(world) ? TURN_DEG_PER_S / 1000 / world.degrees_per_count : 0;
    this.#read = read;
  }

  /** Writes the gamepad's current state to the input state; without a gamepad, releases its buttons. */
  sample(nowMs) {
    const pad = connectedGamepad(this.#read());
    const elapsedMs = Math.min(nowMs - (this.#lastMs ?? nowMs), MAX_STEP_MS);
    this.#lastMs = nowMs;
    const down = pad && document.hasFocus() ? pressedNumbers(pad) : new Set();
    for (const [number, button] of this.#pads) {
      if (down.has(number)) this.#input.press(`pad ${number}`, button);
      else this.#input.release(`pad ${number}`);
    }
    if (pad && document.hasFocus()) this.#look(pad.axes[2], pad.axes[3], elapsedMs);
  }

  close() {
    for (const number of this.#pads.keys()) this.#input.release(`pad ${number}`);
  }

  /** Slow near the middle and fast at the end: the square of the way out of the dead zone. */
  #look(x = 0, y = 0, elapsedMs) {
    const way = Math.min(Math.hypot(x, y), 1);
    if (way <= DEAD_ZONE) return;
    const speed = ((way - DEAD_ZONE) / (1 - DEAD_ZONE)) ** 2 * this.#countsPerMs * elapsedMs;
    this.#input.addMotion((x / way) * speed, (y / way) * speed);
  }
}

/** The first gamepad whose buttons are known; undefined when there is none. */
export function connectedGamepad(gamepads) {
  return [...gamepads].find((pad) => pad?.connected && pad.mapping === "standard");
}

function pressedNumbers({ axes, buttons }) {
  const numbers = stickDirections(axes[0] ?? 0, axes[1] ?? 0, WALK_ZONE);
  buttons.forEach(({ pressed, value }, number) => {
    if (pressed || value > PRESSED) numbers.push(number);
  });
  return new Set(numbers);
}
