// What listens to the player while a world is live: keyboard, mouse, thumbs and gamepad move one
// pair of hands, and the sender says what they do.

import { Controls } from "./controls.js";
import { Gamepads } from "./gamepad.js";
import { PointerLock } from "./pointer.js";
import { ActionSender } from "./sender.js";
import { TouchPad } from "./touch.js";

export class Playing {
  #parts;

  /**
   * @param {{view: HTMLElement, pad: HTMLElement}} elements
   * @param {import("./hands.js").Hands} hands
   * @param {object} world its listing
   * @param {{send: () => void, say: (hint: string) => void}} on `send`: the hands' next action
   */
  constructor({ view, pad }, hands, world, { send, say }) {
    const changed = () => sender.changed();
    const pointer = new PointerLock(view, say);
    const controls = new Controls({ picture: view, pointer, hands, changed, world });
    const gamepads = new Gamepads(hands, world);
    const sampled = () => {
      controls.sample();
      gamepads.sample(performance.now());
      send();
    };
    const sender = new ActionSender({ send: sampled, periodMs: 1000 / world.fps });
    this.#parts = [sender, controls, gamepads, new TouchPad(pad, hands, changed, world)];
  }

  close() {
    this.#parts.forEach((part) => part.close());
  }
}
