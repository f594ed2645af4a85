import assert from "node:assert/strict";
import { test } from "node:test";

import { hintsFor } from "../../services/ingest/player/key_hints.js";
import { keysOf, padButtonsOf, thumbButtonOf } from "../../services/ingest/player/keys.js";
import { KeyboardLayout } from "../../services/ingest/player/layout.js";
import { DOOM, ISLAND, MINECRAFT } from "./worlds.mjs";

function hints(world, { layout = new KeyboardLayout(() => {}), hasGamepad = false } = {}) {
  const rows = hintsFor(world, { signOf: (code) => layout.signOf(code), hasGamepad });
  return rows.map(({ signs, text }) => `${signs.join(" ")}: ${text}`);
}

test("a world without keys of its own has the usual ones of its buttons", () => {
  assert.deepEqual(hints(DOOM), [
    "W A S D: walk",
    "← →: turn",
    "Space: act",
    "mouse: look around",
    "Esc: free the mouse",
    "R: begin anew",
    "F3: figures",
  ]);
  assert.ok(hints(MINECRAFT).includes("left click: hit"));
  assert.ok(hints(MINECRAFT).includes("1 3: hold"));
});

test("a world's own keys are shown as it names them, without a mouse where it has no camera", () => {
  assert.deepEqual(hints(ISLAND), [
    "↑: walk",
    "Space: gather, hit",
    "R: put down a stone",
    "F3: figures",
  ]);
});

test("both keys of one button press it", () => {
  assert.deepEqual(
    keysOf(ISLAND).filter(({ button }) => button === "up").map(({ code }) => code),
    ["ArrowUp", "KeyW"],
  );
});

test("a connected gamepad is explained", () => {
  const shown = hints(DOOM, { hasGamepad: true });
  for (const row of ["left stick: walk", "right stick: look around", "A or ✕: act"]) {
    assert.ok(shown.includes(row), row);
  }
  assert.ok(!hints(ISLAND, { hasGamepad: true }).includes("right stick: look around"));
});

test("gamepad buttons and thumbs press what the world says", () => {
  assert.deepEqual([...padButtonsOf(ISLAND)], [[12, "up"], [0, "do"]]);
  assert.equal(padButtonsOf(MINECRAFT).get(7), "attack");
  assert.equal(thumbButtonOf(DOOM).button, "act");
  assert.equal(thumbButtonOf(MINECRAFT).button, "attack");
  assert.equal(thumbButtonOf(ISLAND).button, "do");
  assert.equal(thumbButtonOf({ buttons: ["forward"], degrees_per_count: 0.1 }), null);
});

test("keys are named by what the player's keyboard says", async () => {
  let changes = 0;
  const layout = new KeyboardLayout(() => (changes += 1));
  const azerty = new Map([["KeyW", "z"], ["KeyA", "q"], ["KeyS", "s"], ["KeyD", "d"]]);
  await layout.ask({ getLayoutMap: async () => azerty });
  assert.equal(hints(DOOM, { layout })[0], "Z Q S D: walk");
  assert.equal(changes, 2);
});

test("where the browser does not tell, a key is learned when it is pressed", async () => {
  const layout = new KeyboardLayout(() => {});
  await layout.ask(undefined);
  await layout.ask({ getLayoutMap: () => Promise.reject(new Error("forbidden")) });
  layout.learn({ code: "KeyW", key: "z" });
  layout.learn({ code: "KeyA", key: "å", altKey: true }); // not what stands on it
  layout.learn({ code: "KeyD", key: "Dead" });
  assert.equal(hints(DOOM, { layout })[0], "Z A S D: walk");
});
