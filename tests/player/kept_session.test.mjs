import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem } from "../../services/ingest/player/api.js";
import { lookAfter } from "../../services/ingest/player/going_on.js";
import { InputState } from "../../services/ingest/player/input_state.js";
import { KeptSession } from "../../services/ingest/player/kept_session.js";
import { DOOM } from "./worlds.mjs";

const SESSION = { id: "s1", token: "t1", whep_url: "http://127.0.0.1/whep/s1" };
const COUNT = { seq: 7, x: 12.5, y: -3 };

function storage(items = new Map()) {
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
}

test("a session is read back with its world and the input's totals, without pictures", () => {
  const kept = new KeptSession(() => shared);
  const shared = storage();
  kept.keep(SESSION, { ...DOOM, starts: [{ image: "data:..." }] }, COUNT);
  const read = new KeptSession(() => shared).read();
  assert.deepEqual(read, { session: SESSION, world: { ...DOOM, starts: [] }, count: COUNT });
  kept.forget();
  assert.equal(kept.read(), null);
});

test("what is not ours, or not allowed, is as nothing", () => {
  for (const text of ["{", "null", "{}", '{"session": {"id": "s1"}}']) {
    assert.equal(new KeptSession(() => ({ getItem: () => text })).read(), null);
  }
  const forbidden = new KeptSession(() => {
    throw new Error("SecurityError");
  });
  forbidden.keep(SESSION, DOOM, COUNT);
  forbidden.forget();
  assert.equal(forbidden.read(), null);
});

test("an input goes on counting where the earlier page stopped, and where the world has come", () => {
  const input = new InputState(DOOM.buttons, COUNT);
  input.addMotion(10, 0);
  const { seq, xTotal } = input.take(0);
  assert.deepEqual([seq, xTotal], [8, 23]);
  input.catchUp(40);
  input.catchUp(20);
  assert.equal(input.take(0).seq, 41);
});

async function after(answer) {
  const kept = { session: { ...SESSION }, world: DOOM, count: COUNT };
  const read = async () => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { ...(await lookAfter(kept, { read })), token: kept.session.token };
}

test("a world that lives can be gone on with, under its fresh token", async () => {
  const live = await after({ status: "live", token: "t2" });
  assert.deepEqual(live, { isAlive: true, isAwake: true, news: "", token: "t2" });
  assert.equal((await after({ status: "paused", token: "t2" })).isAwake, false);
});

test("a world that is over says so", async () => {
  assert.match((await after({ status: "ended", reason: "Your time is up." })).news, /Your time is up/);
  const expired = new Problem({ status: 401, kind: "token-invalid", detail: "The token has expired." });
  assert.match((await after(expired)).news, /over/);
  assert.equal((await after(expired)).isAlive, false);
  const gone = new Problem({ status: 404, kind: "session-not-found", detail: "Gone." });
  assert.equal((await after(gone)).isAlive, false);
});

test("while nobody answers, the way back stays open", async () => {
  for (const status of [0, 403, 503]) {
    assert.equal((await after(new Problem({ status, detail: "?" }))).isAlive, true);
  }
});
