"""A broken engine, a broken world or a slow prefill costs at most the session concerned.

cases/security.md H2, M5, M6, M22; scripts fast_fail_black_hole.py and slow_prefill_lease.py.
"""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from model.snapshot import WorldSnapshot
from services.backplane.sessions import LEASE_MS
from services.generation.sessions import lease_keeper, live_session, standing
from services.generation.sessions import replica as replica_module
from services.generation.sessions.dispatcher import Dispatcher
from services.generation.sessions.exit_reason import MOVING
from services.wire.frame import Kind
from services.wire.session import SessionRecord, SessionStatus
from tests.fakes import FakeEngine
from tests.services.generation.generation_kit import eventually, until
from tests.services.generation.replica_kit import SPEC, ReplicaBench

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


@pytest.fixture
def bench(bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch) -> ReplicaBench:
    """With short pauses between proofs."""
    monkeypatch.setattr(replica_module, "PROOF_POLL_S", 0.01)
    return bench


async def record_of(bench: ReplicaBench, session_id: str) -> SessionRecord:
    record = await bench.store.get(session_id)
    assert record is not None
    return record


def open_in_three_passes(engine: FakeEngine, *, seconds: float) -> None:
    engine.opening = tuple(range(6))
    engine.scheduler._batch_sizes = [1, 2]
    engine.before_pass = lambda plan: time.sleep(seconds / 3)


async def test_a_broken_engine_is_no_black_hole(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All five sessions of the script ended within 5 s."""
    monkeypatch.setattr(standing, "FIRST_PAUSE_S", 0.3)
    replica = await bench.replica(slots=4)
    dispatcher = Dispatcher(bench.redis, {"": replica.run_session})
    running = asyncio.create_task(dispatcher.run())
    await bench.queue("a")
    await bench.becomes("a", SessionStatus.LIVE)
    bench.engines[0].failing = {"*"}
    await bench.becomes("a", SessionStatus.QUEUED)
    for name in "bcde":
        await bench.queue(name)
    await asyncio.sleep(4)
    for name in "abcde":
        record = await record_of(bench, name)
        assert record.status is SessionStatus.QUEUED and record.epoch <= 1
    with pytest.raises(RuntimeError, match="illegal memory access"):
        await replica.check()

    bench.engines[0].failing = set()  # as after Serve has started a new process
    fresh = await bench.replica(slots=4)
    dispatcher.stop()
    await running
    dispatcher = Dispatcher(bench.redis, {"": fresh.run_session})
    running = asyncio.create_task(dispatcher.run())
    for name in "abcd":
        await bench.becomes(name, SessionStatus.LIVE)
    dispatcher.stop()
    await running


async def test_an_opening_that_fails_is_a_failure_of_the_replica(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    engine = bench.engines[0]

    def break_everything(plan: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    engine.before_pass = break_everything
    await bench.queue("s1")
    await replica.run_session("s1")
    assert replica.num_free == 0 and "illegal memory access" in replica.refusal
    assert (await record_of(bench, "s1")).status is SessionStatus.QUEUED


async def test_an_opening_that_the_engine_has_no_slot_for_is_a_failure_too(
    bench: ReplicaBench,
) -> None:
    replica = await bench.replica(engine=FakeEngine(SPEC, max_sessions=2))
    bench.engines[0].open("lost", start=0, seed=1)  # a slot that nobody gives back
    await bench.queue("s1")
    await bench.play(replica, "s1")
    await bench.queue("s2")
    await bench.run(replica, "s2")
    assert replica.num_free == 0 and replica.refusal
    assert (await record_of(bench, "s2")).status is SessionStatus.QUEUED


async def test_a_slow_opening_keeps_its_lease(bench: ReplicaBench) -> None:
    """The script's newcomer was taken back at 3.6 s, 9.6 s and 15.6 s."""
    replica = await bench.replica()
    open_in_three_passes(bench.engines[0], seconds=LEASE_MS / 1000 + 1.0)
    await bench.queue("s1")
    bench.run(replica, "s1")
    began = time.monotonic()
    record = await record_of(bench, "s1")
    while record.status is not SessionStatus.LIVE:
        assert time.monotonic() - began < 12 and record.epoch <= 1
        if record.status is SessionStatus.STARTING:
            now_s, now_us = await bench.redis.time()
            assert record.lease_until_ms > 1000 * now_s + now_us / 1000
        await asyncio.sleep(0.1)
        record = await record_of(bench, "s1")
    bench.engines[0].before_pass = lambda plan: None
    assert record.epoch == 1


async def test_a_session_that_opens_can_leave_at_once(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    open_in_three_passes(bench.engines[0], seconds=2.4)
    await bench.queue("s1")
    call = bench.run(replica, "s1")
    await bench.becomes("s1", SessionStatus.STARTING)
    await until(lambda: "s1" in bench.engines[0].sessions)
    began = time.monotonic()
    replica._sessions["s1"].leave(MOVING)
    await call
    assert time.monotonic() - began < 1.8
    assert (await record_of(bench, "s1")).status is SessionStatus.QUEUED


async def test_an_opening_that_never_ends_is_given_up(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_session, "OPEN_S", 0.2)
    replica = await bench.replica()
    monkeypatch.setattr(bench.engines[0], "is_in_prefill", lambda _: True)
    await bench.queue("s1")
    await replica.run_session("s1")
    assert "longer than" in replica.refusal
    assert (await record_of(bench, "s1")).status is SessionStatus.QUEUED


async def test_who_was_ended_while_it_opened_does_not_go_live(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_keeper, "RENEW_S", 60.0)
    replica = await bench.replica()
    engine = bench.engines[0]
    engine.before_pass = lambda plan: time.sleep(0.3)
    await bench.queue("s1")
    call = bench.run(replica, "s1")
    await bench.becomes("s1", SessionStatus.STARTING)
    await bench.store.end("s1", "You left.")
    await call
    assert (await record_of(bench, "s1")).status is SessionStatus.ENDED
    assert engine.sessions == {}


async def test_a_world_that_breaks_goes_on_from_its_snapshot(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    record, link = await bench.play(replica, "s1")
    await eventually(lambda: has_snapshot(bench, "s1"))
    before = (await link.receive_frame()).frame_idx
    bench.engines[0].not_finite = {"s1"}
    await until(lambda: "s1" not in bench.engines[0].sessions)
    bench.engines[0].not_finite = set()
    after = [await link.receive_frame() for _ in range(60)]
    assert after[-1].frame_idx > before and after[-1].epoch == record.epoch
    assert (await record_of(bench, "s1")).status is SessionStatus.LIVE


async def test_a_world_that_breaks_again_ends_openly_and_its_snapshot_stays(
    bench: ReplicaBench,
) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    _, link = await bench.play(replica, "s1")
    await eventually(lambda: has_snapshot(bench, "s1"))
    bench.engines[0].not_finite = {"s1"}
    await bench.calls[0]
    record = await record_of(bench, "s1")
    assert record.status is SessionStatus.ENDED and "broke twice" in record.reason
    blob = await bench.store.load_snapshot("s1")
    assert blob is not None and WorldSnapshot.from_bytes(blob).frame_idx > 0
    state = await link.receive_state()
    assert state == {"state": "ending", "reason": record.reason}


async def test_a_broken_context_never_replaces_a_good_snapshot(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")
    await eventually(lambda: has_snapshot(bench, "s1"))
    good = bench.engines[0].snapshot

    def broken(session_id: str, *, last_action_seq: int) -> WorldSnapshot:
        taken = good(session_id, last_action_seq=last_action_seq)
        latents = torch.full_like(taken.context.latents_FChw, torch.nan)
        return replace(taken, context=replace(taken.context, latents_FChw=latents))

    monkeypatch.setattr(bench.engines[0], "snapshot", broken)
    await bench.calls[0]
    blob = await bench.store.load_snapshot("s1")
    assert blob is not None and WorldSnapshot.from_bytes(blob)


@pytest.mark.parametrize("damage", ["flipped", "zeros"])
async def test_a_damaged_snapshot_is_refused_with_the_true_reason(
    bench: ReplicaBench, damage: str
) -> None:
    replica = await bench.replica()
    await bench.save_snapshot("kept", frame_idx=500)
    kept = await bench.store.load_snapshot("kept")
    assert kept is not None
    blob = bytearray(kept)
    if damage == "flipped":
        blob[-40] ^= 1
    else:
        blob[-40:] = bytes(40)
        blob[-60] ^= 1
    await bench.redis.set("snapshot:kept", bytes(blob))
    await bench.queue("s1", snapshot_of="kept")
    await replica.run_session("s1")
    record = await record_of(bench, "s1")
    assert record.status is SessionStatus.ENDED and "damaged" in record.reason
    assert replica.refusal == ""


async def test_a_picture_that_cannot_be_encoded_ends_the_session_openly(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    _, link = await bench.play(replica, "s1")

    def fail(picture: object, generated: object) -> None:
        raise RuntimeError("the device is lost")

    monkeypatch.setattr(replica._renderer._encode_loop, "_encode", fail)
    await bench.calls[0]
    record = await record_of(bench, "s1")
    assert record.status is SessionStatus.ENDED and "could not be encoded" in record.reason
    assert (await link.receive_state())["reason"] == record.reason
    assert await has_snapshot(bench, "s1") and replica.refusal == ""


async def test_resets_are_limited_at_the_replica(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_session, "RESET_GAP_S", 1.0)
    replica = await bench.replica()
    admitted: list[str] = []
    admit = bench.engines[0].admit

    def count(session_id: str, **opening: Any) -> None:
        admitted.append(session_id)
        admit(session_id, **opening)

    monkeypatch.setattr(bench.engines[0], "admit", count)
    await bench.queue("s1")
    _, link = await bench.play(replica, "s1")
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        link.send(Kind.RESET)
        await link.receive_frame()
    assert admitted.count("s1") in (2, 3)  # the opening, and a reset a second


async def has_snapshot(bench: ReplicaBench, session_id: str) -> bool:
    return await bench.store.load_snapshot(session_id) is not None
