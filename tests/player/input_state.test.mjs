import assert from "node:assert/strict";
import { test } from "node:test";

import { InputState } from "../../services/ingest/player/input_state.js";

const BUTTONS = ["forward", "back", "act"];

test("a button's bit is its place in the world's list", () => {
  const input = new InputState(BUTTONS);
  input.press("KeyS", "back");
  assert.equal(input.held, 0b010);
});

test("a button the world does not have is ignored", () => {
  const input = new InputState(BUTTONS);
  assert.equal(input.press("KeyX", "jump"), false);
  assert.equal(input.held, 0);
});

test("a tap shorter than a message is kept for exactly one message", () => {
  const input = new InputState(BUTTONS);
  input.press("Space", "act");
  input.release("Space");
  assert.deepEqual([input.take(0).pressed, input.take(0).pressed], [0b100, 0]);
});

test("a button held by two keys is let go with the second", () => {
  const input = new InputState(BUTTONS);
  input.press("KeyW", "forward");
  input.take(0);
  input.press("ArrowUp", "forward");
  input.release("KeyW");
  assert.deepEqual([input.held, input.take(0).pressed], [0b001, 0]);
  input.release("ArrowUp");
  assert.equal(input.held, 0);
});

test("a key that repeats presses once", () => {
  const input = new InputState(BUTTONS);
  assert.equal(input.press("KeyW", "forward"), true);
  assert.equal(input.press("KeyW", "forward"), false);
});

test("losing the window lets go of everything", () => {
  const input = new InputState(BUTTONS);
  input.press("KeyW", "forward");
  assert.equal(input.releaseAll(), true);
  assert.equal(input.take(0).held, 0);
  assert.equal(input.releaseAll(), false);
});

test("actions are numbered from 1 and carry whole mouse totals", () => {
  const input = new InputState(BUTTONS);
  input.addMotion(2.4, -1);
  input.addMotion(0.4, 0);
  const action = input.take(12.5);
  assert.deepEqual(action, { held: 0, pressed: 0, xTotal: 3, yTotal: -1, seq: 1, sentAtMs: 12.5 });
  assert.equal(input.take(13).seq, 2);
});
