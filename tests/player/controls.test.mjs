import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Controls } from "../../services/ingest/player/controls.js";
import { Hands } from "../../services/ingest/player/hands.js";

const MINECRAFT = ["forward", "jump", "sneak", "attack", "use", "hotbar.3"];
let page; // the document, and the picture in it

beforeEach(() => {
  page = Object.assign(new EventTarget(), { pointerLockElement: null, closest: () => null });
  globalThis.document = page;
  globalThis.window = new EventTarget();
});

function playing(buttons) {
  const hands = new Hands(buttons);
  new Controls(page, hands, () => {});
  return hands;
}

function happens(type, details) {
  page.dispatchEvent(Object.assign(new Event(type), details));
}

test("a key holds the first of its buttons that the world has", () => {
  const [doom, minecraft] = [playing(["forward", "act"]), playing(MINECRAFT)];
  happens("keydown", { code: "Space" });
  assert.deepEqual([doom.held, minecraft.held], [0b10, 0b10]);
  happens("keydown", { code: "Digit3" });
  happens("keydown", { code: "ShiftLeft" });
  assert.deepEqual([doom.held, minecraft.held], [0b10, 0b100110]);
  happens("keyup", { code: "Space" });
  assert.deepEqual([doom.held, minecraft.held], [0, 0b100100]);
});

test("in a locked pointer the mouse looks both ways, hits and uses", () => {
  const hands = playing(MINECRAFT);
  happens("mousemove", { movementX: 5, movementY: -7 });
  happens("mousedown", { button: 2 });
  assert.deepEqual([hands.take(0).yTotal, hands.held], [0, 0]);
  page.pointerLockElement = page;
  happens("mousemove", { movementX: 5, movementY: -7 });
  happens("mousedown", { button: 0 });
  happens("mousedown", { button: 2 });
  const { xTotal, yTotal, held } = hands.take(0);
  assert.deepEqual({ xTotal, yTotal, held }, { xTotal: 5, yTotal: -7, held: 0b011000 });
  happens("mouseup", { button: 0 });
  assert.equal(hands.held, 0b010000);
});
