import assert from "node:assert/strict";
import { test } from "node:test";

import { ActionSender } from "../../services/ingest/player/sender.js";

/** A clock that only moves when told; runs what is due. */
class FakeClock {
  ms = 0;
  #due = new Map();
  #nextId = 1;

  now = () => this.ms;
  setTimeout = (run, ms) => this.#add({ run, at: this.ms + ms });
  setInterval = (run, everyMs) => this.#add({ run, at: this.ms + everyMs, everyMs });
  clearTimeout = (id) => this.#due.delete(id);
  clearInterval = (id) => this.#due.delete(id);

  advance(ms) {
    const end = this.ms + ms;
    for (;;) {
      const [id, next] = [...this.#due].toSorted((a, b) => a[1].at - b[1].at)[0] ?? [];
      if (!next || next.at > end) break;
      this.ms = next.at;
      if (next.everyMs) next.at += next.everyMs;
      else this.#due.delete(id);
      next.run();
    }
    this.ms = end;
  }

  #add(timer) {
    this.#due.set(this.#nextId, timer);
    return this.#nextId++;
  }
}

function senderAt(clock) {
  const sent = [];
  const sender = new ActionSender({ send: () => sent.push(clock.ms), periodMs: 50, clock });
  return { sender, sent };
}

test("a change leaves at once", () => {
  const clock = new FakeClock();
  const { sender, sent } = senderAt(clock);
  clock.advance(10);
  sender.changed();
  assert.deepEqual(sent, [10]);
});

test("without a change one action leaves per frame period", () => {
  const clock = new FakeClock();
  const { sent } = senderAt(clock);
  clock.advance(200);
  assert.deepEqual(sent, [50, 100, 150, 200]);
});

test("many changes are one message per gap, the last one included", () => {
  const clock = new FakeClock();
  const { sender, sent } = senderAt(clock);
  for (let i = 0; i < 20; i++) {
    sender.changed();
    clock.advance(1);
  }
  clock.advance(8);
  assert.deepEqual(sent, [0, 8, 16, 24]);
});

test("a closed sender is silent", () => {
  const clock = new FakeClock();
  const { sender, sent } = senderAt(clock);
  sender.changed();
  sender.changed();
  sender.close();
  clock.advance(500);
  assert.deepEqual(sent, [0]);
});
