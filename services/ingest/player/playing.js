// The input devices of a live world: keyboard, mouse, touch and gamepad share one input state; the
// sender sends the state as actions.

import { Controls } from "./controls.js";
import { Gamepads } from "./gamepad.js";
import { PointerLock } from "./pointer.js";
import { ActionSender } from "./sender.js";
import { TouchPad } from "./touch.js";

export class Playing {
  #parts;

  /**
   * @param {{view: HTMLElement, pad: HTMLElement}} elements
   * @param {import("./input_state.js").InputState} input
   * @param {object} world its listing
   * @param {{send: () => void, say: (hint: string) => void}} on `send`: the next action
   */
  constructor({ view, pad }, input, world, { send, say }) {
    const changed = () => sender.changed();
    const pointer = new PointerLock(view, say);
    const controls = new Controls({ picture: view, pointer, input, changed, world });
    const gamepads = new Gamepads(input, world);
    const sampled = () => {
      controls.sample();
      gamepads.sample(performance.now());
      send();
    };
    const sender = new ActionSender({ send: sampled, periodMs: 1000 / world.fps });
    this.#parts = [sender, controls, gamepads, new TouchPad(pad, input, changed, world)];
  }

  close() {
    this.#parts.forEach((part) => part.close());
  }
}
