"""Which replicas live, how full they are, and which worlds they offer."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from services.wire import keys
from services.wire.world import WorldOffer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaInfo:
    """A replica at its last heartbeat. `slots`: sessions it can hold; `used`: holds now.
    `refusal`: why it takes nobody whatever is free, for operators; empty: it does."""

    replica_id: str
    slots: int
    used: int
    world: str
    draining: bool
    world_digest: str = ""
    refusal: str = ""


class ReplicaRegistry:
    """Replicas and worlds that are there now. Both vanish by themselves without heartbeats."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def heartbeat(
        self, replica_id: str, *, slots: int, used: int, world: str, draining: bool,
        world_digest: str = "", refusal: str = "",
    ) -> None:  # fmt: skip
        """At least every REPLICA_TTL_S / 2 seconds."""
        state: dict[Any, str | int] = {"slots": slots, "used": used, "world": world}
        state |= {"draining": int(draining), "world_digest": world_digest}
        state |= {"refusal": refusal}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(keys.replica(replica_id), mapping=state)
            pipe.expire(keys.replica(replica_id), keys.REPLICA_TTL_S)
            await pipe.execute()

    async def all(self) -> list[ReplicaInfo]:
        """Every replica with a fresh heartbeat, by id."""
        names = await self._names(keys.REPLICA_PATTERN)
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(name)
            found = zip(names, await pipe.execute(), strict=True)
        return [
            ReplicaInfo(
                replica_id=name.removeprefix(keys.replica("")),
                slots=int(state[b"slots"]),
                used=int(state[b"used"]),
                world=state[b"world"].decode(),
                draining=state[b"draining"] == b"1",
                world_digest=state[b"world_digest"].decode(),
                refusal=state.get(b"refusal", b"").decode(),
            )
            for name, state in found
            if state  # expired between the two looks
        ]

    async def publish_world(self, offer: WorldOffer) -> None:
        """With the heartbeats: an offer lives OFFER_TTL_S."""
        key = keys.offer(offer.name, offer.digest)
        await self._redis.set(key, offer.to_json(), ex=keys.OFFER_TTL_S)

    async def worlds(self) -> list[WorldOffer]:
        """Every version of every world on offer, by name."""
        names = await self._names(keys.OFFER_PATTERN)
        found = await self._redis.mget(names) if names else []
        return [WorldOffer.from_json(text) for text in found if text is not None]

    async def _names(self, pattern: str) -> list[str]:
        found = {name.decode() async for name in self._redis.scan_iter(pattern, count=1000)}
        return sorted(found)
