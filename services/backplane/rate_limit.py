"""How often one caller may ask."""

from typing import cast

from redis.asyncio import Redis

from services.backplane.connection import script
from services.wire import keys


class RateLimit:
    """`max_per_minute` requests of one kind by one caller, counted for all instances together."""

    def __init__(self, redis: Redis, kind: str, *, max_per_minute: int) -> None:
        self._take = script(redis, "take")
        self._kind = kind
        self._max_per_minute = max_per_minute

    async def take(self, who: str, *, share: int = 1) -> int:
        """Counts one request of a caller that may ask `share` times as often; 0: go on, otherwise
        the seconds to wait."""
        args = (self._max_per_minute * share, keys.RATE_TTL_S)
        return cast(int, await self._take(keys=(keys.rate(self._kind, who),), args=args))
