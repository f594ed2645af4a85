import assert from "node:assert/strict";
import { test } from "node:test";

import { call, Problem, secondsUntil } from "../../services/ingest/player/api.js";

async function problemOf(status, body, headers) {
  globalThis.fetch = async () => new Response(body, { status, headers });
  try {
    await call("http://127.0.0.1/");
  } catch (problem) {
    return problem;
  }
  throw new Error("it did not fail");
}

function ours(status, kind, headers = {}) {
  const body = JSON.stringify({ type: `urn:nextframe:problem:${kind}`, detail: "Do this." });
  return problemOf(status, body, { "Content-Type": "application/problem+json", ...headers });
}

test("only a refusal of Nextframe's own is final", async () => {
  assert.equal((await ours(404, "session-not-found")).isFinal, true);
  assert.equal((await ours(406, "no-common-codec")).isFinal, true);
  for (const status of [400, 401, 403, 404, 410, 451]) {
    const problem = await problemOf(status, "<h1>Access denied</h1>", { "Content-Type": "text/html" });
    assert.equal(problem.isFinal, false, `${status} of a proxy`);
    assert.match(problem.message, new RegExp(`Something between .* answered ${status}`));
  }
  const foreign = JSON.stringify({ type: "https://waf.example/blocked", detail: "Blocked" });
  const problem = await problemOf(403, foreign, { "Content-Type": "application/problem+json" });
  assert.equal(problem.isFinal, false);
  const looksLikeOurs = JSON.stringify({ type: "urn:nextframe:problem:session-ended" });
  assert.equal((await problemOf(404, looksLikeOurs, { "Content-Type": "text/html" })).isFinal, false);
});

test("what may succeed later is not final, ours or not", async () => {
  for (const [status, kind] of [[409, "seat-taken"], [429, "rate-limited"], [503, "edge-full"]]) {
    assert.equal((await ours(status, kind)).isFinal, false);
  }
  globalThis.fetch = async () => {
    throw new TypeError("network");
  };
  await assert.rejects(call("http://127.0.0.1/"), (error) => error instanceof Problem && !error.isFinal);
});

test("a refused token is told from a session that is gone", async () => {
  assert.equal((await ours(401, "token-invalid")).isUnauthorised, true);
  assert.equal((await ours(404, "session-ended")).isUnauthorised, false);
  assert.equal((await problemOf(401, "", {})).isUnauthorised, false);
});

test("Retry-After is read in seconds and as a date", async () => {
  assert.equal((await ours(429, "line-full", { "Retry-After": "30" })).retryAfterS, 30);
  assert.equal(secondsUntil("Thu, 01 Jan 1970 00:01:00 GMT", 30_500), 30);
  assert.equal(secondsUntil("Thu, 01 Jan 1970 00:00:01 GMT", 30_500), 0);
  assert.equal(secondsUntil("soon"), null);
  assert.equal(secondsUntil(null), null);
});
