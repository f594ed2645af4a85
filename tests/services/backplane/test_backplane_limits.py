"""Limits of visitors, enforced by the scripts; and a full Redis."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.backplane.actions import ActionWriter
from services.backplane.connection import BackplaneError
from services.backplane.limits import LimitError, Limits, Refusal
from services.backplane.player_lock import PlayerLock
from services.backplane.rate_limit import RateLimit
from services.backplane.releases import ReleaseStore, VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.backplane.snapshots import SavedSnapshots
from services.callers import caller_of
from services.wire import keys
from services.wire.release import Release
from services.wire.session import Lease, SessionRecord, SessionStatus

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]

ONE, OTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def store(redis: Redis) -> SessionStore:
    return SessionStore(redis)


def of(address: str, max_open: int = 2, **others: int) -> Limits:
    return Limits(callers=caller_of(address).shares, max_open=max_open, **others)


async def create(store: SessionStore, session_id: str, limits: Limits, max_queued: int = 99) -> int:
    record = SessionRecord(
        session_id=session_id,
        status=SessionStatus.QUEUED,
        world="toy",
        start=0,
        seed=1,
        created_at_ms=0,
    )
    return await store.create(record, max_queued=max_queued, limits=limits)


async def refusal_of(store: SessionStore, session_id: str, limits: Limits) -> Refusal:
    with pytest.raises(LimitError) as refused:
        await create(store, session_id, limits)
    assert await store.get(session_id) is None
    return refused.value.refusal


async def live(store: SessionStore, session_id: str, blob: bytes = b"world") -> Lease:
    lease = await store.acquire(session_id, replica_id="r", frame_address="x:1", link_key="k")
    assert lease is not None
    assert await store.set_status(session_id, SessionStatus.LIVE, lease)
    assert await store.save_snapshot(session_id, lease, blob)
    return lease


async def paused(store: SessionStore, session_id: str, limits: Limits) -> None:
    await create(store, session_id, limits)
    lease = await live(store, session_id)
    assert await store.set_status(session_id, SessionStatus.PAUSED, lease)


async def test_a_caller_has_a_few_sessions_and_others_have_theirs(store: SessionStore) -> None:
    await create(store, "a1", of(ONE))
    await create(store, "a2", of(ONE))
    await live(store, "a2")
    assert await refusal_of(store, "a3", of(ONE)) is Refusal.ENOUGH_OPEN
    assert await create(store, "b1", of(OTHER)) == 1
    await store.end("a1", "left")
    assert await create(store, "a3", of(ONE)) == 1


async def test_the_households_of_a_network_have_four_times_as_much(store: SessionStore) -> None:
    for i in range(4):
        await create(store, f"a{i}", of(f"2001:db8:1:{i}::1", max_open=1))
    assert await refusal_of(store, "b", of("2001:db8:1:9::1", max_open=1)) is Refusal.ENOUGH_OPEN
    await create(store, "c", of("2001:db8:2:9::1", max_open=1))


async def test_paused_sessions_leave_room_for_new_ones_but_not_without_end(
    store: SessionStore,
) -> None:
    for i in range(4):
        await paused(store, f"a{i}", of(ONE))
    assert await refusal_of(store, "a4", of(ONE)) is Refusal.ENOUGH_OPEN


async def test_waking_many_is_bounded_like_creating_many(store: SessionStore) -> None:
    for i in range(4):
        await paused(store, f"a{i}", of(ONE))
    await create(store, "b", of(OTHER))
    assert [await store.wake(f"a{i}") for i in range(4)] == [True, True, False, False]
    assert await store.waiting() == ["b", "a0", "a1"]


async def test_a_full_line_wakes_nobody(store: SessionStore) -> None:
    await create(store, "a", of(ONE), max_queued=1)
    lease = await live(store, "a")
    await store.set_status("a", SessionStatus.PAUSED, lease)
    await create(store, "b", of(OTHER), max_queued=1)
    assert not await store.wake("a")
    await store.end("b", "left")
    assert await store.wake("a")


async def test_a_caller_saves_a_few_worlds_in_all_its_sessions(
    store: SessionStore, redis: Redis
) -> None:
    saves = SavedSnapshots(redis)
    for session_id, address in (("a1", ONE), ("a2", ONE), ("b", OTHER)):
        await create(store, session_id, of(address))
        await live(store, session_id)
    for i in range(2):
        await saves.save("a1", snapshot_id=f"s{i}", max_saved=2)
    with pytest.raises(LimitError) as refused:
        await saves.save("a2", snapshot_id="s2", max_saved=2)
    assert refused.value.refusal is Refusal.ENOUGH_SAVED
    await saves.save("b", snapshot_id="sb", max_saved=2)
    await saves.save("a1", snapshot_id="s3", max_saved=2)  # its own oldest makes room
    found = [await store.load_snapshot(name) is not None for name in ("s0", "s1", "s3", "sb")]
    assert found == [False, True, True, True]
    await redis.delete(keys.saved_origin("s1"), keys.snapshot("s1"))  # as if it had expired
    await saves.save("a2", snapshot_id="s4", max_saved=2)


async def used_memory(redis: Redis) -> int:
    return int((await redis.info("memory"))["used_memory"])


async def test_who_waits_has_its_bytes_reserved(store: SessionStore, redis: Redis) -> None:
    budget = await used_memory(redis) + (3 << 20)
    limits = [of(f"192.0.2.{i}", max_bytes=budget, session_bytes=1 << 20) for i in range(3)]
    await create(store, "a", limits[0])
    await create(store, "b", limits[1])
    assert await refusal_of(store, "c", limits[2]) is Refusal.NO_ROOM
    assert not await store.has_room(limits[2])
    await live(store, "a", b"x" * 1000)
    await create(store, "c", limits[2])


async def test_nobody_saves_beyond_the_budget(store: SessionStore, redis: Redis) -> None:
    await create(store, "a", of(ONE))
    await live(store, "a", b"x" * 1_000_000)
    budget = await used_memory(redis) + 2_800_000
    saves = SavedSnapshots(redis)
    for i in range(2):
        await saves.save("a", snapshot_id=f"s{i}", max_bytes=budget)
    with pytest.raises(LimitError) as refused:
        await saves.save("a", snapshot_id="s2", max_bytes=budget)
    assert refused.value.refusal is Refusal.NO_ROOM
    assert await used_memory(redis) <= budget


@pytest_asyncio.fixture
async def small_redis(redis: Redis) -> AsyncIterator[Redis]:
    """A Redis with a small maxmemory, to be filled by a test."""
    before = str((await redis.config_get("maxmemory"))["maxmemory"])
    yield redis
    await redis.config_set("maxmemory", before)


async def test_the_budget_ends_below_what_redis_may_hold(
    store: SessionStore, small_redis: Redis
) -> None:
    await small_redis.config_set("maxmemory", await used_memory(small_redis) + (1 << 20))
    limits = of(ONE, max_bytes=1 << 40, session_bytes=1 << 20)
    assert await refusal_of(store, "a", limits) is Refusal.NO_ROOM


async def test_a_full_redis_frees_what_is_given_back(
    store: SessionStore, small_redis: Redis
) -> None:
    redis, player_lock = small_redis, PlayerLock(small_redis)
    await create(store, "a", of(ONE))
    await create(store, "b", of(OTHER))
    await create(store, "waits", of(OTHER))
    leases = {session_id: await live(store, session_id) for session_id in ("a", "b")}
    await player_lock.take("a", "peer")
    await redis.config_set("maxmemory", 1)
    with pytest.raises(BackplaneError):
        await redis.set("anything", "at all")
    with pytest.raises(BackplaneError):
        await store.save_snapshot("a", leases["a"], b"x")
    assert await store.renew("a", leases["a"]) is not None  # owners stay ...
    assert await player_lock.renew("a", "peer", silent_s=0)
    await store.mark_seen("a", is_connected=True)
    assert await RateLimit(redis, "poll", max_per_minute=9).take("a") == 0
    assert await player_lock.release("a", "peer")
    assert await store.end("a", "left")  # ... and whoever leaves frees
    assert await store.set_status("b", SessionStatus.PAUSED, leases["b"])
    assert await store.acquire("waits", replica_id="r", frame_address="x:1", link_key="k2")


async def test_every_key_has_an_end(store: SessionStore, redis: Redis) -> None:
    """Three sets may name sessions during a session's life; everything else expires."""
    await ReplicaRegistry(redis).heartbeat("r", slots=4, used=0, world="toy", draining=False)
    await ReleaseStore(redis).put(Release(world="toy", current="d"))
    await VersionFigures(redis).add("d", {"sessions": 1})
    writer = ActionWriter(redis)
    for session_id, address in (("a", ONE), ("b", "2001:db8::1"), ("c", OTHER)):
        await create(store, session_id, of(address))
        lease = await live(store, session_id)
        await PlayerLock(redis).take(session_id, "peer")
        await store.mark_seen(session_id, is_connected=True)
        await SavedSnapshots(redis).save(session_id, snapshot_id=f"copy of {session_id}")
        await RateLimit(redis, "offer", max_per_minute=9).take(session_id)
        await writer.append("r", session_id, b"hands")
    await store.requeue("c", lease)
    await writer.aclose()

    assert await _endless(redis) == {keys.QUEUE, keys.LEASES, keys.ENDINGS}
    for session_id in ("a", "b", "c"):
        await store.end(session_id, "left")
    assert await _endless(redis) == set()


async def test_actions_into_an_empty_redis_have_an_end_too(redis: Redis) -> None:
    writer = ActionWriter(redis)
    await writer.append("r", "a", b"hands")
    await redis.flushall()
    await writer.append("r", "a", b"hands")
    await writer.aclose()
    assert 0 < await redis.ttl(keys.actions("r")) <= keys.ACTIONS_TTL_S


async def _endless(redis: Redis) -> set[str]:
    return {name.decode() async for name in redis.scan_iter() if await redis.ttl(name) < 0}
