"""What operators want of a replica. The session service writes an order; the replica reads its
orders with each heartbeat, so an order is carried out within about a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from services.wire import keys

_DRAINS = "drains"
_MOVE = "move:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """`drains`: whether the replica shall take no sessions and give its sessions away; None leaves
    all as it is. `moves`: sessions that shall go on elsewhere."""

    drains: bool | None = None
    moves: tuple[str, ...] = ()


class ReplicaOrders:
    """The orders to all replicas, over one Redis client. Orders that nobody reads expire."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def drain(self, replica_id: str) -> None:
        await self._put(replica_id, _DRAINS, 1)

    async def undrain(self, replica_id: str) -> None:
        await self._put(replica_id, _DRAINS, 0)

    async def move(self, replica_id: str, session_id: str) -> None:
        await self._put(replica_id, _MOVE + session_id, 1)

    async def take(self, replica_id: str) -> Orders:
        """Returns and removes the orders to the replica."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.orders(replica_id))
            pipe.delete(keys.orders(replica_id))
            found, _ = await pipe.execute()
        return _orders(cast(Mapping[bytes, bytes], found))

    async def _put(self, replica_id: str, field: str, value: int) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(keys.orders(replica_id), field, str(value))
            pipe.expire(keys.orders(replica_id), keys.ORDERS_TTL_S)
            await pipe.execute()


def _orders(found: Mapping[bytes, bytes]) -> Orders:
    fields = {name.decode(errors="replace"): value for name, value in found.items()}
    drains = fields.get(_DRAINS)
    return Orders(
        drains=None if drains is None else drains == b"1",
        moves=tuple(sorted(f.removeprefix(_MOVE) for f in fields if f.startswith(_MOVE))),
    )
