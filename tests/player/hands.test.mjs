import assert from "node:assert/strict";
import { test } from "node:test";

import { Hands } from "../../services/ingest/player/hands.js";

const BUTTONS = ["forward", "back", "act"];

test("a button's bit is its place in the world's list", () => {
  const hands = new Hands(BUTTONS);
  hands.press("KeyS", "back");
  assert.equal(hands.held, 0b010);
});

test("a button the world does not have is ignored", () => {
  const hands = new Hands(BUTTONS);
  assert.equal(hands.press("KeyX", "jump"), false);
  assert.equal(hands.held, 0);
});

test("a tap shorter than a message is kept for exactly one message", () => {
  const hands = new Hands(BUTTONS);
  hands.press("Space", "act");
  hands.release("Space");
  assert.deepEqual([hands.take(0).pressed, hands.take(0).pressed], [0b100, 0]);
});

test("a button held by two keys is let go with the second", () => {
  const hands = new Hands(BUTTONS);
  hands.press("KeyW", "forward");
  hands.take(0);
  hands.press("ArrowUp", "forward");
  hands.release("KeyW");
  assert.deepEqual([hands.held, hands.take(0).pressed], [0b001, 0]);
  hands.release("ArrowUp");
  assert.equal(hands.held, 0);
});

test("a key that repeats presses once", () => {
  const hands = new Hands(BUTTONS);
  assert.equal(hands.press("KeyW", "forward"), true);
  assert.equal(hands.press("KeyW", "forward"), false);
});

test("losing the window lets go of everything", () => {
  const hands = new Hands(BUTTONS);
  hands.press("KeyW", "forward");
  assert.equal(hands.letGo(), true);
  assert.equal(hands.take(0).held, 0);
  assert.equal(hands.letGo(), false);
});

test("actions are numbered from 1 and carry whole mouse totals", () => {
  const hands = new Hands(BUTTONS);
  hands.look(2.4, -1);
  hands.look(0.4, 0);
  const action = hands.take(12.5);
  assert.deepEqual(action, { held: 0, pressed: 0, xTotal: 3, yTotal: -1, seq: 1, sentAtMs: 12.5 });
  assert.equal(hands.take(13).seq, 2);
});
