"""Positions in the queue of each world."""

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.backplane.limits import LimitError, Refusal
from services.backplane.queue_positions import REMEMBERED_S, QueuePositions
from services.backplane.sessions import QueuedSession, SessionStore
from services.wire.session import SessionRecord, SessionStatus

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


class CountedStore(SessionStore):
    num_looks = 0

    async def queued(self, *, within_ms: int = 90_000) -> list[QueuedSession]:
        self.num_looks += 1
        return await super().queued(within_ms=within_ms)


class TickingClock:
    now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1e-6
        return self.now_s


@pytest_asyncio.fixture
async def store(redis: Redis) -> CountedStore:
    return CountedStore(redis)


async def queue(store: SessionStore, session_id: str, world: str, *, max_queued: int = 9) -> None:
    record = SessionRecord(
        session_id=session_id, status=SessionStatus.QUEUED, world=world, start=0, seed=1,
        created_at_ms=0,
    )  # fmt: skip
    await store.create(record, max_queued=max_queued)


async def test_a_place_counts_those_who_wait_for_the_same_world(store: CountedStore) -> None:
    for session_id, world in [("a", "w"), ("b", "v"), ("c", "w"), ("d", "v"), ("e", "u")]:
        await queue(store, session_id, world)
    positions = QueuePositions(store)
    assert [await positions.position(id_) for id_ in "abcde"] == [0, 0, 1, 1, 0]
    assert await positions.position("f") is None
    assert [await positions.length(world) for world in "wvut"] == [2, 2, 1, 0]


async def test_a_crowd_that_polls_costs_one_look_and_a_newcomer_is_seen_at_once(
    store: CountedStore,
) -> None:
    clock = TickingClock()
    positions = QueuePositions(store, clock)
    await queue(store, "a", "w")
    for _ in range(50):
        assert await positions.position("a") == 0
    assert store.num_looks == 1
    await queue(store, "b", "w")
    assert await positions.position("b") == 1
    assert store.num_looks == 2
    await store.end("a", "left")
    clock.now_s += REMEMBERED_S
    assert await positions.position("b") == 0


async def test_a_full_line_of_one_world_refuses_nobody_of_another(store: CountedStore) -> None:
    await queue(store, "a", "w", max_queued=2)
    await queue(store, "b", "w", max_queued=2)
    with pytest.raises(LimitError) as refused:
        await queue(store, "c", "w", max_queued=2)
    assert refused.value.refusal is Refusal.QUEUE_FULL
    await queue(store, "d", "v", max_queued=2)
    await queue(store, "e", "v", max_queued=2)
    with pytest.raises(LimitError):
        await queue(store, "f", "v", max_queued=2)


async def test_a_paused_player_comes_back_to_the_line_of_its_own_world(
    store: CountedStore,
) -> None:
    await queue(store, "paused", "w", max_queued=1)
    lease = await store.acquire("paused", replica_id="r", frame_address="127.0.0.1:1", link_key="k")
    assert lease is not None
    await store.set_status("paused", SessionStatus.LIVE, lease)
    await store.set_status("paused", SessionStatus.PAUSED, lease)
    await queue(store, "other", "v", max_queued=1)
    assert await store.wake("paused")
