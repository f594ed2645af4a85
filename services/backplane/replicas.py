"""Registry of live replicas: load, world and version of each replica."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from services.backplane.index import forget, members, read_all
from services.backplane.records import readable
from services.wire import keys
from services.wire.capacity import CapacityCurve
from services.wire.world import WorldOffer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaInfo:
    """A replica at the last heartbeat. `slots`: maximum sessions; `used`: current sessions.
    `refusal`: for operators, the reason why the replica accepts no session; empty if the replica
    accepts. `capacity`: None for a replica of an older service. `level`: quality level, 0 is
    full quality."""

    replica_id: str
    slots: int
    used: int
    world: str
    draining: bool
    world_digest: str = ""
    refusal: str = ""
    capacity: CapacityCurve | None = None
    level: int = 0


class ReplicaRegistry:
    """Live replicas and served worlds. Entries expire without heartbeats."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def heartbeat(
        self, replica_id: str, *, slots: int, used: int, world: str, draining: bool,
        world_digest: str = "", refusal: str = "", capacity: CapacityCurve | None = None,
        level: int = 0,
    ) -> None:  # fmt: skip
        """Must be called at least every REPLICA_TTL_S / 2 seconds."""
        state: dict[Any, str | int] = {"slots": slots, "used": used, "world": world}
        state |= {"draining": int(draining), "world_digest": world_digest}
        state |= {
            "level": level,
            "refusal": refusal,
            "capacity": capacity.to_json() if capacity else "",
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(keys.replica(replica_id), mapping=state)
            pipe.expire(keys.replica(replica_id), keys.REPLICA_TTL_S)
            pipe.sadd(keys.REPLICAS, replica_id)
            pipe.expire(keys.REPLICAS, keys.REPLICA_TTL_S)
            await pipe.execute()

    async def all(self) -> list[ReplicaInfo]:
        """Returns every replica with a fresh heartbeat, ordered by id."""
        ids = await members(self._redis, keys.REPLICAS)
        async with self._redis.pipeline(transaction=False) as pipe:
            for replica_id in ids:
                pipe.hgetall(keys.replica(replica_id))
            found = list(zip(ids, await pipe.execute(), strict=True))
        await forget(self._redis, keys.REPLICAS, [id_ for id_, state in found if not state])
        living = [(replica_id, state) for replica_id, state in found if state]
        return readable(lambda item: _info(*item), living, "replica")

    async def has_other(self, replica_id: str, world: str) -> bool:
        """Returns whether another replica accepts sessions of the world."""
        return any(
            replica.world == world and replica.replica_id != replica_id
            for replica in await self.all()
            if not replica.draining and not replica.refusal
        )

    async def publish_world(self, offer: WorldOffer) -> None:
        """Publishes a served version for OFFER_TTL_S seconds; called with each heartbeat."""
        key = keys.offer(offer.name, offer.digest)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, offer.to_json(), ex=keys.OFFER_TTL_S)
            pipe.sadd(keys.OFFERS, key)
            pipe.expire(keys.OFFERS, keys.OFFER_TTL_S)
            await pipe.execute()

    async def worlds(self) -> list[WorldOffer]:
        """Returns every served version of every world, ordered by name."""
        found = await read_all(self._redis, keys.OFFERS, await members(self._redis, keys.OFFERS))
        return readable(WorldOffer.from_json, found, "world on offer")


def _info(replica_id: str, state: Mapping[bytes, bytes]) -> ReplicaInfo:
    return ReplicaInfo(
        replica_id=replica_id,
        slots=int(state[b"slots"]),
        used=int(state[b"used"]),
        world=state[b"world"].decode(),
        draining=state.get(b"draining") == b"1",
        world_digest=state.get(b"world_digest", b"").decode(),
        refusal=state.get(b"refusal", b"").decode(),
        level=int(state.get(b"level", b"0")),
        capacity=_capacity(state.get(b"capacity", b"")),
    )


def _capacity(text: bytes) -> CapacityCurve | None:
    """A curve that this version cannot read hides no replica."""
    try:
        return CapacityCurve.from_json(text) if text else None
    except ValueError:
        return None
