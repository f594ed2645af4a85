import assert from "node:assert/strict";
import { test } from "node:test";

import { DOWN, LEFT, RIGHT, stickDirections, UP } from "../../services/ingest/player/pads.js";

const directions = (dx, dy) => stickDirections(dx, dy, 12);

test("a stick has eight directions", () => {
  assert.deepEqual(directions(0, -40), [UP]);
  assert.deepEqual(directions(0, 40), [DOWN]);
  assert.deepEqual(directions(40, 0), [RIGHT]);
  assert.deepEqual(directions(-40, 0), [LEFT]);
  assert.deepEqual(directions(30, -30), [UP, RIGHT]);
  assert.deepEqual(directions(-30, 30), [DOWN, LEFT]);
  assert.deepEqual(directions(-30, -30), [UP, LEFT]);
  assert.deepEqual(directions(30, 30), [DOWN, RIGHT]);
});

test("a thumb that rests near the middle does not walk", () => {
  assert.deepEqual(directions(8, -8), []);
});
