"""Sets that index the keys of one kind, in place of a scan over all keys.

A writer adds the key's name at each write. A reader removes the name of an expired key; a
concurrent writer adds the name again at the next write.
"""

from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from services.backplane.records import readable


async def members(redis: Redis, index: str) -> list[str]:
    """Returns the names in order. The keys of some names may have expired."""
    found = cast(set[bytes], await redis.smembers(index))
    return sorted(readable(bytes.decode, found, "name of a key"))


async def forget(redis: Redis, index: str, names: Sequence[str]) -> None:
    if names:
        await redis.srem(index, *names)


async def read_all(redis: Redis, index: str, names: Sequence[str]) -> list[bytes]:
    """Returns the values of string keys. Expired keys are left out of the result and removed from
    the index."""
    found = cast(list[bytes | None], await redis.mget(names) if names else [])
    pairs = list(zip(names, found, strict=True))
    await forget(redis, index, [name for name, value in pairs if value is None])
    return [value for _, value in pairs if value is not None]
