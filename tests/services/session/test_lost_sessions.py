"""A session whose owner is gone is found without any dispatcher, and a living owner loses
nothing."""

import pytest
from redis.asyncio import Redis

from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import LEASE_MS, SessionStore
from services.session.lost_sessions import LATER_POLLS, MOVED, WAITS, LostSessions
from services.wire.session import Lease, SessionRecord, SessionStatus

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]

POLLS = LEASE_MS // 1000 + LATER_POLLS  # with a poll a second, that find the same end again


async def live(store: SessionStore, session_id: str, replica_id: str = "r1") -> Lease:
    record = SessionRecord(
        session_id=session_id, status=SessionStatus.QUEUED, world="toy", start=0, seed=0,
        created_at_ms=0,
    )  # fmt: skip  # one line of facts
    await store.create(record, max_queued=9)
    lease = await store.acquire(
        session_id, replica_id=replica_id, frame_address="127.0.0.1:9", link_key=session_id
    )
    assert lease is not None
    assert await store.set_status(session_id, SessionStatus.LIVE, lease)
    return lease


async def state(store: SessionStore, session_id: str) -> tuple[SessionStatus, str]:
    record = await store.get(session_id)
    assert record is not None
    return record.status, record.reason


async def test_a_session_without_owner_goes_back_to_the_queue(redis: Redis) -> None:
    """cases/drills.md B1: it looked live until its time was up."""
    store, lost = SessionStore(redis), LostSessions(redis, poll_s=1.0)
    await live(store, "gone")
    lease = await live(store, "alive")
    for _ in range(POLLS + 1):
        assert await state(store, "gone") == (SessionStatus.LIVE, "")
        await store.renew("alive", lease)
        await lost.recover()
    assert await state(store, "gone") == (SessionStatus.QUEUED, WAITS)
    assert (await state(store, "alive"))[0] is SessionStatus.LIVE


async def test_the_reason_says_whether_another_replica_is_there(redis: Redis) -> None:
    store, lost = SessionStore(redis), LostSessions(redis, poll_s=1.0)
    await ReplicaRegistry(redis).heartbeat("r2", slots=2, used=0, world="toy", draining=False)
    await live(store, "gone")
    for _ in range(POLLS + 1):
        await lost.recover()
    assert await state(store, "gone") == (SessionStatus.QUEUED, MOVED)


async def test_an_owner_that_was_only_cut_off_takes_its_session_back(redis: Redis) -> None:
    store, lost = SessionStore(redis), LostSessions(redis, poll_s=1.0)
    lease = await live(store, "a")
    for _ in range(POLLS + 1):
        await lost.recover()
    assert await store.renew("a", lease) is not None
    assert (await state(store, "a"))[0] is SessionStatus.LIVE
