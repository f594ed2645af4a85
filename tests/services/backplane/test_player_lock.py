"""The player lock of a session against a real Redis: at most one peer plays."""

import pytest
from redis.asyncio import Redis

from services.backplane import player_lock
from services.backplane.player_lock import PlayerLock
from services.backplane.sessions import SessionStore
from services.wire import keys
from services.wire.session import SessionRecord, SessionStatus

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


async def session(redis: Redis) -> PlayerLock:
    """The player lock of one session, "s1"."""
    record = SessionRecord(
        session_id="s1", status=SessionStatus.QUEUED, world="toy", start=0, seed=1, created_at_ms=0
    )
    await SessionStore(redis).create(record, max_queued=9)
    return PlayerLock(redis)


async def test_a_player_lock_has_one_holder(redis: Redis) -> None:
    lock = await session(redis)
    assert await lock.take("s1", "a")
    assert await lock.take("s1", "a")  # a repeated call
    assert not await lock.take("s1", "b")
    assert await lock.renew("s1", "a", silent_s=0)
    assert not await lock.renew("s1", "b", silent_s=0)


async def test_a_holder_that_leaves_makes_room_at_once(redis: Redis) -> None:
    lock = await session(redis)
    await lock.take("s1", "a")
    assert not await lock.release("s1", "b")
    assert await lock.release("s1", "a")
    assert not await lock.renew("s1", "a", silent_s=0)
    assert await lock.take("s1", "b")


async def test_a_silent_holder_loses_the_lock_only_to_somebody(redis: Redis) -> None:
    lock = await session(redis)
    await lock.take("s1", "a")
    almost_s, too_long_s = player_lock.PATIENCE_MS / 1000 - 1, player_lock.PATIENCE_MS / 1000
    assert await lock.renew("s1", "a", silent_s=almost_s)
    assert not await lock.take("s1", "b")
    assert await lock.renew("s1", "a", silent_s=too_long_s)
    assert await lock.take("s1", "b")
    assert not await lock.renew("s1", "a", silent_s=0)


async def test_a_session_that_is_gone_has_no_player_lock_and_gets_none(redis: Redis) -> None:
    lock = PlayerLock(redis)
    assert not await lock.take("s1", "a")
    assert not await lock.release("s1", "a")
    assert await lock.renew("s1", "a", silent_s=0)  # its room hears the rest from the record
    assert not await redis.exists(keys.session("s1"))
