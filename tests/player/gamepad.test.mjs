import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { connectedGamepad, Gamepads } from "../../services/ingest/player/gamepad.js";
import { InputState } from "../../services/ingest/player/input_state.js";
import { DOOM, ISLAND } from "./worlds.mjs";

let pads;
let input;

beforeEach(() => {
  globalThis.document = { hasFocus: () => true };
  pads = [null, pad()];
});

function pad({ axes = [0, 0, 0, 0], down = [], triggers = {}, ...more } = {}) {
  const buttons = Array.from({ length: 17 }, (_, number) => ({
    pressed: down.includes(number),
    value: triggers[number] ?? 0,
  }));
  return { connected: true, mapping: "standard", axes, buttons, ...more };
}

function playing(world) {
  input = new InputState(world.buttons);
  return new Gamepads(input, world, () => pads);
}

test("the left stick walks, and sideways with it", () => {
  const gamepads = playing(DOOM);
  pads[1] = pad({ axes: [0, -1, 0, 0] });
  gamepads.sample(0);
  assert.equal(input.held, 0b0001);
  pads[1] = pad({ axes: [0.7, -0.7, 0, 0] });
  gamepads.sample(57);
  assert.equal(input.held, 0b1001);
  pads[1] = pad({ axes: [0.1, -0.15, 0, 0] }); // a worn stick at rest
  gamepads.sample(114);
  assert.equal(input.held, 0);
});

test("the cross walks too; A, X and triggers act", () => {
  const gamepads = playing(DOOM);
  pads[1] = pad({ down: [13] });
  gamepads.sample(0);
  assert.equal(input.held, 0b0010);
  for (const acting of [pad({ down: [0] }), pad({ down: [2] }), pad({ triggers: { 7: 0.9 } })]) {
    pads[1] = acting;
    gamepads.sample(57);
    assert.equal(input.held, 0b1000000);
  }
});

test("the right stick turns by time, not by how often it is read", () => {
  const turned = (stepMs) => {
    const gamepads = playing(DOOM);
    pads[1] = pad({ axes: [0, 0, 1, 0] });
    for (let ms = 0; ms <= 1000; ms += stepMs) gamepads.sample(ms);
    return input.take(0).xTotal * DOOM.degrees_per_count;
  };
  assert.ok(Math.abs(turned(50) - 200) < 1, `${turned(50)} degrees in a second`);
  assert.ok(Math.abs(turned(10) - turned(50)) < 1);
});

test("a right stick at rest does not turn, and a page that slept does not jump", () => {
  const gamepads = playing(DOOM);
  pads[1] = pad({ axes: [0, 0, 0.18, -0.05] });
  for (let ms = 0; ms < 1000; ms += 50) gamepads.sample(ms);
  assert.equal(input.take(0).xTotal, 0);
  pads[1] = pad({ axes: [0, 0, -1, 0] });
  gamepads.sample(60_000);
  assert.ok(input.take(0).xTotal * DOOM.degrees_per_count > -21);
});

test("a gamepad that is unplugged or out of focus holds nothing", () => {
  const gamepads = playing(DOOM);
  const held = () => (gamepads.sample(0), input.held);
  pads[1] = pad({ axes: [0, -1, 0, 0] });
  assert.equal(held(), 1);
  document.hasFocus = () => false;
  assert.equal(held(), 0);
  document.hasFocus = () => true;
  assert.equal(held(), 1);
  pads = [];
  assert.equal(held(), 0);
});

test("a gamepad does not let go of what a key holds", () => {
  const gamepads = playing(DOOM);
  input.press("KeyW", "forward");
  gamepads.sample(0);
  assert.equal(input.held, 1);
});

test("a world's own buttons are on the pad where it says, and it has no camera to turn", () => {
  const gamepads = playing(ISLAND);
  pads[1] = pad({ axes: [0, -1, 1, 0], down: [0] });
  gamepads.sample(0);
  gamepads.sample(50);
  assert.equal(input.held, 0b011);
  assert.equal(input.take(0).xTotal, 0);
});

test("only a gamepad whose buttons are known counts", () => {
  assert.equal(connectedGamepad([null, pad({ mapping: "" })]), undefined);
  assert.equal(connectedGamepad([pad({ connected: false })]), undefined);
  assert.equal(connectedGamepad(pads), pads[1]);
});
