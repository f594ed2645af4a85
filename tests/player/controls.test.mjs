import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Controls } from "../../services/ingest/player/controls.js";
import { InputState } from "../../services/ingest/player/input_state.js";
import { PointerLock } from "../../services/ingest/player/pointer.js";
import { DOOM, ISLAND, MINECRAFT } from "./worlds.mjs";

let page; // the document, and the picture in it
let asked; // what was asked of requestPointerLock
let answers; // what it answers, one after another: an error's name, or null

beforeEach(() => {
  [asked, answers] = [[], []];
  const requestPointerLock = async (options) => {
    asked.push(options);
    const name = answers.shift();
    if (name) throw Object.assign(new Error(name), { name });
  };
  const more = { closest: () => null, hasFocus: () => true, requestPointerLock };
  page = Object.assign(new EventTarget(), { pointerLockElement: null, ...more });
  globalThis.document = page;
  globalThis.window = new EventTarget();
  globalThis.matchMedia = () => ({ matches: false });
});

function play(world, say = () => {}) {
  const input = new InputState(world.buttons);
  const pointer = new PointerLock(page, say);
  const controls = new Controls({ picture: page, pointer, input, changed: () => {}, world });
  return { input, controls };
}

function happens(type, details = {}) {
  const event = Object.assign(new Event(type, { cancelable: true }), details);
  (type === "blur" ? window : page).dispatchEvent(event);
  return event;
}

test("a key holds the first of its buttons that the world has", () => {
  const [{ input: doom }, { input: minecraft }] = [play(DOOM), play(MINECRAFT)];
  happens("keydown", { code: "Space" });
  assert.deepEqual([doom.held, minecraft.held], [0b1000000, 0b10]);
  happens("keydown", { code: "Digit3" });
  happens("keydown", { code: "ShiftLeft" });
  assert.deepEqual([doom.held, minecraft.held], [0b1000000, 0b1000110]);
  happens("keyup", { code: "Space" });
  assert.deepEqual([doom.held, minecraft.held], [0, 0b1000100]);
});

test("a world's own keys press its buttons, and its mouse does nothing", () => {
  const { input } = play(ISLAND);
  happens("keydown", { code: "KeyW" });
  happens("mousedown", { button: 0 });
  assert.equal(input.held, 0b001);
  assert.deepEqual(asked, []); // no camera: the pointer stays free
});

test("in a locked pointer the mouse looks both ways, hits and uses", () => {
  const { input } = play(MINECRAFT);
  happens("mousemove", { movementX: 5, movementY: -7 });
  happens("mousedown", { button: 2 });
  assert.deepEqual([input.take(0).yTotal, input.held], [0, 0]);
  page.pointerLockElement = page;
  happens("mousemove", { movementX: 5, movementY: -7 });
  happens("mousedown", { button: 0 });
  happens("mousedown", { button: 2 });
  const { xTotal, yTotal, held } = input.take(0);
  assert.deepEqual({ xTotal, yTotal, held }, { xTotal: 5, yTotal: -7, held: 0b011000 });
  happens("mouseup", { button: 0 });
  assert.equal(input.held, 0b010000);
});

test("one motion of thousands of counts does not turn the player round", () => {
  const { input } = play(DOOM);
  page.pointerLockElement = page;
  happens("mousemove", { movementX: 3000, movementY: -3000 });
  const { xTotal, yTotal } = input.take(0);
  assert.ok(xTotal * DOOM.degrees_per_count < 45, `${xTotal}`);
  assert.equal(yTotal, -xTotal);
});

test("Meta lets go of everything: while it is down macOS tells of no key that comes up", () => {
  const { input } = play(DOOM);
  happens("keydown", { code: "MetaLeft", key: "Meta" });
  happens("keydown", { code: "KeyW", key: "w", metaKey: true });
  assert.equal(input.held, 0);
  happens("keyup", { code: "MetaLeft", key: "Meta" });
  happens("keydown", { code: "KeyW", key: "w" });
  assert.equal(input.held, 1);
  happens("keydown", { code: "MetaLeft", key: "Meta" });
  assert.equal(input.held, 0);
  happens("keydown", { code: "KeyW", key: "w" });
  happens("keyup", { code: "MetaRight", key: "Meta" });
  assert.equal(input.held, 0);
});

for (const type of ["blur", "visibilitychange", "pointerlockchange"]) {
  test(`nothing stays held after ${type}`, () => {
    const { input } = play(DOOM);
    happens("keydown", { code: "KeyW" });
    happens(type);
    assert.equal(input.held, 0);
  });
}

test("a key cannot outlive the focus, even when no event told of its loss", () => {
  const { input, controls } = play(DOOM);
  happens("keydown", { code: "KeyW" });
  controls.sample();
  assert.equal(input.held, 1);
  page.hasFocus = () => false;
  controls.sample();
  assert.equal(input.held, 0);
});

test("the browser's own keys are left to it", () => {
  play(DOOM);
  for (const code of ["KeyA", "KeyS", "KeyW"]) {
    assert.equal(happens("keydown", { code, ctrlKey: true }).defaultPrevented, false);
  }
  assert.equal(happens("keydown", { code: "F5" }).defaultPrevented, false);
  assert.equal(happens("keydown", { code: "ArrowUp" }).defaultPrevented, true);
});

test("the pointer's motion is asked for as the mouse counts it, where the browser can", async () => {
  answers = ["NotSupportedError"];
  play(DOOM);
  happens("mousedown", { button: 0 });
  await new Promise(setImmediate);
  assert.deepEqual(asked, [{ unadjustedMovement: true }, undefined]);
});

test("a lock that is refused after Esc is tried once more, and said", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const said = [];
  answers = ["SecurityError", "SecurityError"];
  play(DOOM, (hint) => said.push(hint));
  happens("mousedown", { button: 0 });
  await new Promise(setImmediate);
  assert.match(said[0], /Trying again/);
  context.mock.timers.tick(1400);
  await new Promise(setImmediate);
  assert.match(said[1], /Click the picture/);
  assert.equal(asked.length, 2);
  context.mock.timers.tick(10_000);
  await new Promise(setImmediate);
  assert.equal(asked.length, 2);
});
