"""Limits the requests per minute of one caller, counted in Redis."""

from typing import cast

from redis.asyncio import Redis

from services.backplane.connection import script
from services.wire import keys


class RateLimit:
    """Allows `max_per_minute` requests of one kind per caller, across all processes."""

    def __init__(self, redis: Redis, kind: str, *, max_per_minute: int) -> None:
        self._take = script(redis, "take")
        self._kind = kind
        self._max_per_minute = max_per_minute

    async def take(self, who: str, *, share: int = 1) -> int:
        """Counts one request. Returns 0 if the request is allowed, otherwise the seconds to wait.
        `share` multiplies the caller's allowance."""
        args = (self._max_per_minute * share, keys.RATE_TTL_S)
        return cast(int, await self._take(keys=(keys.rate(self._kind, who),), args=args))
