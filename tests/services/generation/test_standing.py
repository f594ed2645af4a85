"""The rule for accepting sessions after a failure, and a replica that follows the rule."""

import asyncio
import time

import pytest

from services.backplane.replicas import ReplicaRegistry
from services.generation import renderer
from services.generation.sessions import replica as replica_module
from services.generation.sessions import standing
from services.generation.sessions.standing import (
    IDLE_S,
    LONGEST_PAUSE_S,
    MAX_FAILED_PROOFS,
    SETTLED_S,
    Standing,
)
from services.wire.session import SessionStatus
from tests.fakes import FakeClock, FakeEngine
from tests.services.generation.generation_kit import eventually, until
from tests.services.generation.replica_kit import SPEC, ReplicaBench


def pause_of(rule: Standing, clock: FakeClock) -> float:
    """Seconds until a proof is due."""
    began = clock.now
    while not rule.needs_proof(is_idle=False):
        clock.advance(0.01)
    return clock.now - began


def test_each_failure_makes_the_pause_longer() -> None:
    clock = FakeClock()
    rule = Standing(clock)
    pauses = []
    for _ in range(8):
        rule.note_failure("it failed")
        assert "it failed" in rule.reason
        pauses.append(round(pause_of(rule, clock)))
        rule.note_proof()
        assert rule.reason == ""
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_one_broken_pass_that_fails_everybody_is_one_failure() -> None:
    clock = FakeClock()
    rule = Standing(clock)
    for _ in range(5):
        rule.note_failure("it failed")
    assert pause_of(rule, clock) < 1.1


def test_after_a_good_while_a_failure_is_the_first_again() -> None:
    clock = FakeClock()
    rule = Standing(clock)
    for _ in range(4):
        rule.note_failure("it failed")
        rule.note_proof()
    clock.advance(SETTLED_S + 1)
    rule.note_failure("it failed")
    assert pause_of(rule, clock) < 1.1


def test_who_cannot_prove_itself_needs_a_new_process() -> None:
    rule = Standing(FakeClock())
    rule.note_failure("it failed")
    for _ in range(MAX_FAILED_PROOFS - 1):
        rule.note_failed_proof("no frame")
    assert not rule.is_hopeless
    rule.note_failed_proof("no frame")
    assert rule.is_hopeless
    rule.note_proof()
    assert not rule.is_hopeless and rule.reason == ""


def test_the_idle_prove_themselves_now_and_then() -> None:
    clock = FakeClock()
    rule = Standing(clock)
    clock.advance(IDLE_S - 1)
    assert not rule.needs_proof(is_idle=True)
    clock.advance(1)
    assert rule.needs_proof(is_idle=True) and not rule.needs_proof(is_idle=False)
    rule.note_proof()
    assert not rule.needs_proof(is_idle=True)


@pytest.fixture
def bench(bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch) -> ReplicaBench:
    """With short pauses between proofs."""
    monkeypatch.setattr(replica_module, "PROOF_POLL_S", 0.01)
    monkeypatch.setattr(standing, "FIRST_PAUSE_S", 0.1)
    return bench


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_broken_engine_takes_nobody_and_says_so(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")
    bench.engines[0].failing = {"*"}
    await bench.calls[0]
    assert replica.num_free == 0 and "illegal memory access" in replica.refusal
    assert await replica.why_not_ready()

    async def is_known() -> bool:
        [info] = await ReplicaRegistry(bench.redis).all()
        return info.slots == info.used and "illegal memory access" in info.refusal

    await eventually(is_known)
    epoch = (await bench.becomes("s1", SessionStatus.QUEUED)).epoch
    await replica.run_session("s1")  # it is not even tried
    assert (await bench.becomes("s1", SessionStatus.QUEUED)).epoch == epoch

    async def is_hopeless() -> bool:
        try:
            await replica.check()
        except RuntimeError as error:
            return "proof failed" in str(error)
        return False

    await eventually(is_hopeless)


@pytest.mark.redis
@pytest.mark.asyncio
async def test_an_engine_that_is_well_again_proves_it_and_takes_newcomers(
    bench: ReplicaBench,
) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")
    bench.engines[0].failing = {"*"}
    await bench.calls[0]
    assert replica.num_free == 0
    bench.engines[0].failing = set()
    await until(lambda: replica.num_free == 2)
    assert replica.refusal == "" and await replica.why_not_ready() == ""
    await bench.play(replica, "s1")
    assert "proof" not in bench.engines[0].sessions


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_proof_whose_frame_is_not_finite_is_none(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    bench.engines[0].not_finite = {"*"}
    await bench.queue("s1")
    await bench.run(replica, "s1")
    await asyncio.sleep(0.3)
    assert "not finite" in replica.refusal
    bench.engines[0].not_finite = set()
    await until(lambda: replica.refusal == "")


@pytest.mark.redis
@pytest.mark.asyncio
async def test_who_plays_on_beside_a_failure_is_left_alone(bench: ReplicaBench) -> None:
    """The proof fails for want of a slot, say: whoever plays still gets frames."""
    replica = await bench.replica(slots=3)
    for session_id in ("s1", "s2"):
        await bench.queue(session_id)
        await bench.play(replica, session_id)
    bench.engines[0].failing = {"s1", renderer.PROOF_ID}
    await until(lambda: replica._standing.is_hopeless)
    await replica.check()
    assert replica.num_free == 0
    first = (await bench.links[1].receive_frame()).frame_idx
    assert (await bench.links[1].receive_frame()).frame_idx > first


@pytest.mark.redis
@pytest.mark.asyncio
async def test_an_idle_replica_is_found_out_before_anybody_comes(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "IDLE_S", 0.1)
    replica = await bench.replica()
    bench.engines[0].failing = {"*"}
    await until(lambda: bool(replica.refusal))
    assert replica.num_free == 0


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_newcomer_gets_the_slot_of_an_idle_proof(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "IDLE_S", 0.0)
    engine = FakeEngine(SPEC, max_sessions=1)
    replica = await bench.replica(slots=1, engine=engine)
    engine.opening = tuple(range(3))
    for number in range(6):
        await until(lambda: renderer.PROOF_ID in engine.sessions)
        await bench.queue(f"s{number}")
        await bench.play(replica, f"s{number}")
        await bench.store.end(f"s{number}", "enough")
        await bench.calls[-1]
    assert replica.refusal == ""


@pytest.mark.redis
@pytest.mark.asyncio
async def test_the_end_of_the_frame_loop_is_known_at_once(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await bench.replica()

    def end() -> None:
        raise SystemExit

    monkeypatch.setattr(replica._renderer.frame_loop._scheduler, "step", end)
    replica._renderer.frame_loop.close("nobody")
    await until(lambda: replica.num_free == 0)
    assert "thread has ended" in replica.refusal and await replica.why_not_ready()
    await until(lambda: replica._renderer.fault != "")  # the thread is at its very end
    with pytest.raises(RuntimeError, match="thread has ended"):
        await replica.check()


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_pass_that_does_not_end_is_noticed(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer, "STUCK_S", 0.2)
    replica = await bench.replica()
    await asyncio.sleep(0.4)
    await replica.check()  # a loop that rests is not stuck
    replica._renderer.frame_loop.call(lambda _: time.sleep(1.0))
    await until(lambda: "in one pass" in replica.refusal)
    with pytest.raises(RuntimeError, match="in one pass"):
        await replica.check()
