"""Rate limits count over all processes together."""

import pytest
from redis.asyncio import Redis

from services.backplane.rate_limit import RateLimit
from services.wire import keys

pytestmark = pytest.mark.redis


@pytest.mark.asyncio
async def test_a_caller_is_stopped_after_its_share(redis: Redis) -> None:
    limits = [RateLimit(redis, "create", max_per_minute=3) for _ in range(2)]
    waits = [await limits[i % 2].take("1.2.3.4") for i in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 0 < waits[3] <= keys.RATE_TTL_S
    assert await limits[0].take("5.6.7.8") == 0
    assert await RateLimit(redis, "other", max_per_minute=3).take("1.2.3.4") == 0


@pytest.mark.asyncio
async def test_the_next_minute_is_a_new_one(redis: Redis) -> None:
    limit = RateLimit(redis, "create", max_per_minute=1)
    assert await limit.take("a") == 0
    assert await limit.take("a") > 0
    await redis.pexpire(keys.rate("create", "a"), 1)
    while await redis.exists(keys.rate("create", "a")):
        pass
    assert await limit.take("a") == 0
