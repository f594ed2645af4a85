"""Sets that name the keys of one kind, so that nobody scans all there are.

Who writes a key adds its name; who reads finds out that a key has expired and takes its name off. A
writer that comes in between adds it again with its next write.
"""

from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from services.backplane.records import readable


async def members(redis: Redis, index: str) -> list[str]:
    """In order. Some may have expired."""
    found = cast(set[bytes], await redis.smembers(index))
    return sorted(readable(bytes.decode, found, "name of a key"))


async def forget(redis: Redis, index: str, names: Sequence[str]) -> None:
    if names:
        await redis.srem(index, *names)


async def read_all(redis: Redis, index: str, names: Sequence[str]) -> list[bytes]:
    """The values of string keys; what has expired is left out, here and from the index."""
    found = cast(list[bytes | None], await redis.mget(names) if names else [])
    pairs = list(zip(names, found, strict=True))
    await forget(redis, index, [name for name, value in pairs if value is None])
    return [value for _, value in pairs if value is not None]
