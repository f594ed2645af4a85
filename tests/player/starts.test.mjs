import assert from "node:assert/strict";
import { test } from "node:test";

import { titleOf } from "../../services/ingest/player/starts.js";

test("a start that training only numbered is called by its place", () => {
  assert.equal(titleOf("view-01", 0), "Start 1");
  assert.equal(titleOf("view-12", 11), "Start 12");
});

test("a start that the world names keeps its name", () => {
  assert.equal(titleOf("The hall", 0), "The hall");
  assert.equal(titleOf("view-of-the-sea", 3), "view-of-the-sea");
});
