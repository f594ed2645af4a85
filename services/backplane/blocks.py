"""Addresses that may open no session, until a time. Asked before a caller writes anything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from services.backplane.index import forget, members
from services.wire import keys

MAX_BLOCKS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBlock:
    """`who`: an address or a network, as `services.callers` writes them. `reason`: for operators
    only."""

    who: str
    reason: str
    left_s: int


class TooManyBlocks(Exception):
    """MAX_BLOCKS addresses are blocked already."""


class BlockList:
    """All blocks, over one Redis client."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, who: str, *, seconds: int, reason: str) -> None:
        """Blocks `who` from now on, or changes the block. Raises TooManyBlocks."""
        is_new = not await self._redis.exists(keys.block(who))
        if is_new and await self.count() >= MAX_BLOCKS:
            await self.page(limit=MAX_BLOCKS)  # forgets those that have expired
            if await self.count() >= MAX_BLOCKS:
                raise TooManyBlocks
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(keys.block(who), reason, ex=seconds)
            pipe.sadd(keys.BLOCKS, who)
            # The set outlives its longest block.
            pipe.expire(keys.BLOCKS, seconds, nx=True)
            pipe.expire(keys.BLOCKS, seconds, gt=True)
            await pipe.execute()

    async def remove(self, who: str) -> bool:
        """Returns False if `who` was not blocked."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.block(who))
            pipe.srem(keys.BLOCKS, who)
            removed, _ = await pipe.execute()
        return bool(removed)

    async def left_s(self, names: Iterable[str]) -> int:
        """Returns for how long one of `names` remains blocked; 0 for none."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for who in names:
                pipe.ttl(keys.block(who))
            return max(0, *cast(Sequence[int], await pipe.execute()))

    async def count(self) -> int:
        """Returns the number of blocks; some may have expired since the last `page`."""
        return int(await self._redis.scard(keys.BLOCKS))

    async def page(self, *, limit: int, after: str = "") -> list[AddressBlock]:
        """Returns up to `limit` blocks behind the name `after`, ordered by name."""
        names = [who for who in await members(self._redis, keys.BLOCKS) if who > after]
        found: list[AddressBlock] = []
        for start in range(0, len(names), limit):
            found += await self._read(names[start : start + limit])
            if len(found) >= limit:
                break
        return found[:limit]

    async def _read(self, names: Sequence[str]) -> list[AddressBlock]:
        """Forgets the names of expired blocks."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for who in names:
                pipe.get(keys.block(who))
                pipe.ttl(keys.block(who))
            answers = cast(Sequence[bytes | int | None], await pipe.execute())
        found = list(zip(names, answers[::2], answers[1::2], strict=True))
        await forget(self._redis, keys.BLOCKS, [who for who, reason, _ in found if reason is None])
        return [
            AddressBlock(
                who=who, reason=reason.decode(errors="replace"), left_s=max(0, int(left_s or 0))
            )
            for who, reason, left_s in found
            if isinstance(reason, bytes)
        ]
