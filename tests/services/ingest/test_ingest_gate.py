"""Actions accepted by the gate, with a simulated clock."""

import asyncio

import pytest

from services.backplane.connection import BackplaneError
from services.ingest.action_gate import (
    BURST_ACTIONS,
    MAX_ACTIONS_PER_S,
    MAX_BACKLOG,
    ActionGate,
    ActionVerdict,
)
from services.ingest.webrtc.token_bucket import TokenBucket
from services.wire.action import Action

pytestmark = pytest.mark.asyncio


class FakeActionStream:
    """Stores actions, or fails if `is_away`."""

    def __init__(self) -> None:
        self.appended: list[tuple[str, str, bytes]] = []
        self.is_away = False

    async def append(self, replica_id: str, session_id: str, action: bytes) -> None:
        if self.is_away:
            raise BackplaneError("away")
        self.appended.append((replica_id, session_id, action))


class GateHarness:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.stream = FakeActionStream()
        self.gate = ActionGate("s1", self.stream, clock=lambda: self.now_s)
        self.gate.replica_id = "r1"
        self._seq = 0

    def offer(self) -> ActionVerdict:
        self._seq += 1
        return self.gate.offer(Action(seq=self._seq).to_bytes())

    async def settle(self) -> list[int]:
        """Returns the appended sequence numbers after all work is done."""
        running = asyncio.create_task(self.gate.run())
        for _ in range(3 * MAX_BACKLOG):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return [Action.from_bytes(action).seq for _, _, action in self.stream.appended]


async def test_actions_go_to_the_owner_in_their_order() -> None:
    world = GateHarness()
    assert [world.offer() for _ in range(3)] == [ActionVerdict.TAKEN] * 3
    assert await world.settle() == [1, 2, 3]
    assert world.stream.appended[0][:2] == ("r1", "s1")


async def test_without_an_owner_nothing_is_taken() -> None:
    world = GateHarness()
    world.gate.replica_id = ""
    assert world.offer() is ActionVerdict.NOT_LIVE
    assert await world.settle() == []


async def test_no_more_than_240_a_second_get_through() -> None:
    world = GateHarness()
    num_taken = 0
    for _ in range(10 * 300):
        world.now_s += 1 / 300
        num_taken += world.offer() is ActionVerdict.TAKEN
    assert num_taken == pytest.approx(10 * MAX_ACTIONS_PER_S + BURST_ACTIONS, rel=0.01)


async def test_a_page_at_60_a_second_is_never_refused() -> None:
    world = GateHarness()
    for _ in range(600):
        world.now_s += 1 / 60
        assert world.offer() is ActionVerdict.TAKEN


async def test_a_thousand_a_second_soon_count_as_abuse() -> None:
    world = GateHarness()
    verdicts = []
    for _ in range(2000):
        world.now_s += 1 / 1000
        verdicts.append(world.offer())
    assert verdicts.index(ActionVerdict.ABUSE) > 500  # a short burst is forgiven


async def test_garbage_is_told_apart_and_soon_counts_as_abuse() -> None:
    world = GateHarness()
    assert world.gate.offer(b"x") is ActionVerdict.MALFORMED
    verdicts = set()
    for _ in range(1000):
        world.now_s += 1 / 200
        verdicts.add(world.gate.offer(b"\xff" * 28))
    assert verdicts == {ActionVerdict.MALFORMED, ActionVerdict.ABUSE}


async def test_abuse_is_forgiven_in_time() -> None:
    world = GateHarness()
    while world.offer() is not ActionVerdict.ABUSE:
        pass
    world.now_s += 10
    assert world.offer() is ActionVerdict.TAKEN


async def test_a_slow_redis_costs_the_oldest_actions() -> None:
    world = GateHarness()
    for _ in range(MAX_BACKLOG + 5):
        world.offer()
    assert await world.settle() == list(range(6, MAX_BACKLOG + 6))


async def test_what_redis_does_not_take_is_lost_and_the_rest_goes_on() -> None:
    world = GateHarness()
    world.stream.is_away = True
    world.offer()
    assert await world.settle() == []
    world.stream.is_away = False
    world.offer()
    assert await world.settle() == [2]


async def test_a_rate_limit_refills_to_its_burst_and_no_further() -> None:
    limit = TokenBucket(per_s=10, burst=2)
    assert [limit.take(0.0) for _ in range(3)] == [True, True, False]
    assert [limit.take(0.1), limit.take(0.1)] == [True, False]
    assert [limit.take(99.0) for _ in range(3)] == [True, True, False]
