"""How Redis is set up, for an operator: persistence, eviction, memory and clock."""

import time
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFacts:
    """`persistence`: aof, rdb, none, or unknown where Redis does not tell. `maxmemory_bytes`: 0 for
    no limit. `clock_ahead_s`: of Redis' clock before ours; negative if behind."""

    version: str
    role: str
    persistence: str
    eviction_policy: str
    maxmemory_bytes: int
    used_bytes: int
    clock_ahead_s: float


async def read_facts(redis: Redis) -> RedisFacts:
    """Raises BackplaneError. Needs INFO; asks CONFIG too, which managed servers often refuse."""
    info: dict[str, Any] = await redis.info()
    began_s = time.time()
    seconds, microseconds = await redis.time()
    now_s = (began_s + time.time()) / 2  # the answer was made about halfway
    return RedisFacts(
        version=str(info.get("redis_version", "")),
        role=str(info.get("role", "")),
        persistence="aof" if info.get("aof_enabled") else await _snapshots(redis),
        eviction_policy=str(info.get("maxmemory_policy", "")),
        maxmemory_bytes=int(info.get("maxmemory", 0)),
        used_bytes=int(info.get("used_memory", 0)),
        clock_ahead_s=round(seconds + microseconds / 1e6 - now_s, 3),
    )


async def _snapshots(redis: Redis) -> str:
    try:
        found = cast(dict[str, str], await redis.config_get("save"))
    except ResponseError:
        return "unknown"
    return "rdb" if found.get("save") else "none"
