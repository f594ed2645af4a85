import assert from "node:assert/strict";
import { test } from "node:test";

import { screenFor } from "../../services/ingest/player/screens.js";
import { backoffMs, IDLE, next, stateForStatus } from "../../services/ingest/player/states.js";

test("a player goes from the title to a world and back", () => {
  let state = IDLE;
  for (const name of ["connecting", "waiting", "connecting", "live", "reconnecting", "live"]) {
    state = next(state, { name });
  }
  assert.equal(next(state, IDLE).name, "idle");
});

test("an illegal step throws and names both states", () => {
  assert.throws(() => next(IDLE, { name: "live" }), /idle cannot become live/);
  assert.throws(() => next({ name: "ended" }, { name: "live" }), /ended cannot become live/);
});

test("a state cannot be changed afterwards", () => {
  const state = next(IDLE, { name: "connecting", step: "session" });
  assert.throws(() => (state.name = "live"), TypeError);
});

test("a queued session waits with its place and an honest time", () => {
  assert.deepEqual(stateForStatus({ status: "queued", position: 2, eta_s: 40 }), {
    name: "waiting",
    place: 2,
    etaS: 40,
  });
  assert.equal(stateForStatus({ status: "queued", position: null }).etaS, null);
});

test("no status makes a player live: only a frame does", () => {
  assert.deepEqual(stateForStatus({ status: "live" }), { name: "connecting", step: "picture" });
});

test("an unknown status is a bug and says so", () => {
  assert.throws(() => stateForStatus({ status: "asleep" }), /asleep/);
});

test("attempts come later and later, up to five seconds", () => {
  const waits = [1, 2, 3, 4, 5, 6, 20].map((attempt) => backoffMs(attempt, () => 0));
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
  assert.equal(
    backoffMs(1, () => 1),
    187.5,
  );
});

test("every state but the title and the world has a screen with a way out", () => {
  const states = [
    { name: "connecting", step: "session" },
    { name: "connecting", step: "starting" },
    { name: "connecting", step: "picture" },
    { name: "connecting", step: "moving" },
    { name: "waiting", place: 0, etaS: null },
    { name: "paused", reason: "" },
    { name: "connecting", step: "picture", trouble: "no way" },
    { name: "refused", reason: "the line is full", untilMs: 2000 },
    { name: "reconnecting", attempt: 3, atMs: 2000, reason: "the line went silent" },
    { name: "ended", reason: "" },
  ];
  for (const state of states) {
    const screen = screenFor(state);
    assert.ok(screen.title, state.name);
    assert.ok(screen.text || state.name === "ended", state.name);
    assert.ok(screen.actions.some(({ id }) => id === "leave"), state.name);
  }
  assert.equal(screenFor(IDLE), null);
  assert.equal(screenFor({ name: "live" }), null);
});

test("the waiting screen says the place in line and the wait", () => {
  const { title, text } = screenFor({ name: "waiting", place: 3, etaS: 130 });
  assert.equal(title, "3 ahead of you in line");
  assert.match(text, /About 2 minutes\.$/);
  assert.equal(screenFor({ name: "waiting", place: 0, etaS: null }).title, "You are next in line");
});

test("a reason is shown as a sentence", () => {
  assert.equal(screenFor({ name: "ended", reason: "the line is full" }).text, "The line is full.");
});
