"""The seat of a session against a real Redis: one peer plays, whichever ingest it came to."""

import pytest
from redis.asyncio import Redis

from services.backplane import seats
from services.backplane.seats import Seats
from services.backplane.sessions import SessionStore
from services.wire import keys
from services.wire.session import SessionRecord, SessionStatus

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


async def session(redis: Redis) -> Seats:
    """The seats of a house with one session, "s1"."""
    record = SessionRecord(
        session_id="s1", status=SessionStatus.QUEUED, world="toy", start=0, seed=1, created_at_ms=0
    )
    await SessionStore(redis).create(record, max_line=9)
    return Seats(redis)


async def test_a_seat_has_one_holder(redis: Redis) -> None:
    house = await session(redis)
    assert await house.take("s1", "a")
    assert await house.take("s1", "a")  # a repeated call
    assert not await house.take("s1", "b")
    assert await house.keep("s1", "a", silent_s=0)
    assert not await house.keep("s1", "b", silent_s=0)


async def test_a_holder_that_leaves_makes_room_at_once(redis: Redis) -> None:
    house = await session(redis)
    await house.take("s1", "a")
    assert not await house.leave("s1", "b")
    assert await house.leave("s1", "a")
    assert not await house.keep("s1", "a", silent_s=0)
    assert await house.take("s1", "b")


async def test_a_silent_holder_loses_the_seat_only_to_somebody(redis: Redis) -> None:
    house = await session(redis)
    await house.take("s1", "a")
    almost_s, too_long_s = seats.PATIENCE_MS / 1000 - 1, seats.PATIENCE_MS / 1000
    assert await house.keep("s1", "a", silent_s=almost_s)
    assert not await house.take("s1", "b")
    assert await house.keep("s1", "a", silent_s=too_long_s)
    assert await house.take("s1", "b")
    assert not await house.keep("s1", "a", silent_s=0)


async def test_a_session_that_is_gone_has_no_seat_and_gets_none(redis: Redis) -> None:
    house = Seats(redis)
    assert not await house.take("s1", "a")
    assert not await house.leave("s1", "a")
    assert await house.keep("s1", "a", silent_s=0)  # its room hears the rest from the record
    assert not await redis.exists(keys.session("s1"))
