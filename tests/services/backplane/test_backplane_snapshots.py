"""Saved snapshots: never overwritten by a session, bounded per session."""

import pytest
from redis.asyncio import Redis

from services.backplane.limits import LimitError, Refusal
from services.backplane.sessions import SessionStore
from services.backplane.snapshots import MAX_SAVED, SavedSnapshot, SavedSnapshots
from services.wire import keys
from services.wire.session import Lease, SessionRecord, SessionStatus

pytestmark = pytest.mark.redis


async def playing(redis: Redis, blob: bytes | None) -> tuple[SessionStore, Lease]:
    store = SessionStore(redis)
    record = SessionRecord(
        session_id="a", status=SessionStatus.QUEUED, world="toy", start=2, seed=7, created_at_ms=0
    )
    await store.create(record, max_queued=1)
    lease = await store.acquire("a", replica_id="r", frame_address="x:1", link_key="k")
    assert lease is not None
    if blob is not None:
        assert await store.save_snapshot("a", lease, blob)
    return store, lease


@pytest.mark.asyncio
async def test_a_kept_snapshot_stays_as_it_was(redis: Redis) -> None:
    store, lease = await playing(redis, b"then")
    saved = SavedSnapshots(redis)
    await saved.save("a", snapshot_id="s1")
    await store.save_snapshot("a", lease, b"now")
    await store.end("a", "closed")
    assert await store.load_snapshot("s1") == b"then"
    assert await saved.get("s1") == SavedSnapshot(world="toy", start=2, seed=7)
    for name in (keys.snapshot("s1"), keys.saved_origin("s1")):
        assert 0 < await redis.ttl(name) <= keys.SNAPSHOT_TTL_S


@pytest.mark.asyncio
async def test_there_is_nothing_to_keep_before_the_first_snapshot(redis: Redis) -> None:
    await playing(redis, None)
    saved = SavedSnapshots(redis)
    for session_id in ("a", "nobody"):
        with pytest.raises(LimitError) as refused:
            await saved.save(session_id, snapshot_id="s1")
        assert refused.value.refusal is Refusal.NOTHING_YET
    assert await saved.get("s1") is None


@pytest.mark.asyncio
async def test_keeping_without_end_fills_no_memory(redis: Redis) -> None:
    store, _ = await playing(redis, b"world")
    saved = SavedSnapshots(redis)
    for i in range(3 * MAX_SAVED):
        await saved.save("a", snapshot_id=f"s{i}")
    names = await redis.keys("snapshot:s*") + await redis.keys("kept:*")
    assert len(names) == 2 * MAX_SAVED
    assert await store.load_snapshot(f"s{3 * MAX_SAVED - 1}") == b"world"
    assert await store.load_snapshot(f"s{2 * MAX_SAVED - 1}") is None
