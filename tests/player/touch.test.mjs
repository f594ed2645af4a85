import assert from "node:assert/strict";
import { test } from "node:test";

import { stickButtons } from "../../services/ingest/player/touch.js";

test("the stick walks in eight directions", () => {
  assert.deepEqual(stickButtons(0, -40), ["forward"]);
  assert.deepEqual(stickButtons(0, 40), ["back"]);
  assert.deepEqual(stickButtons(40, 0), ["right"]);
  assert.deepEqual(stickButtons(-40, 0), ["left"]);
  assert.deepEqual(stickButtons(30, -30), ["forward", "right"]);
  assert.deepEqual(stickButtons(-30, 30), ["back", "left"]);
  assert.deepEqual(stickButtons(-30, -30), ["forward", "left"]);
  assert.deepEqual(stickButtons(30, 30), ["back", "right"]);
});

test("a thumb that rests near the middle does not walk", () => {
  assert.deepEqual(stickButtons(8, -8), []);
});
