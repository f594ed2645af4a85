"""Replicas and worlds are listed as long as heartbeats arrive."""

import pytest
from redis.asyncio import Redis

from services.backplane.replicas import ReplicaInfo, ReplicaRegistry
from services.wire import keys
from services.wire.capacity import CapacityCurve
from services.wire.world import WorldOffer, WorldStart

pytestmark = pytest.mark.redis


def offer(name: str, digest: str) -> WorldOffer:
    return WorldOffer(
        name=name,
        digest=digest,
        version="1",
        width=32,
        height=32,
        fps=17.5,
        buttons=("forward", "back"),
        degrees_per_count=0.1,
        starts=(WorldStart(index=0, name="door", image="data:image/jpeg;base64,AA"),),
    )


@pytest.mark.asyncio
async def test_a_heartbeat_shows_the_replica_as_it_is_now(redis: Redis) -> None:
    registry = ReplicaRegistry(redis)
    assert await registry.all() == []
    await registry.heartbeat("b", slots=4, used=0, world="toy", draining=False)
    await registry.heartbeat("a", slots=4, used=1, world="toy", draining=False)
    await registry.heartbeat("a", slots=4, used=2, world="toy", draining=True)
    assert await registry.all() == [
        ReplicaInfo(replica_id="a", slots=4, used=2, world="toy", draining=True),
        ReplicaInfo(replica_id="b", slots=4, used=0, world="toy", draining=False),
    ]
    assert 0 < await redis.ttl(keys.replica("a")) <= keys.REPLICA_TTL_S


@pytest.mark.asyncio
async def test_a_replica_without_a_readable_curve_is_listed_all_the_same(redis: Redis) -> None:
    registry = ReplicaRegistry(redis)
    curve = CapacityCurve(period_s=0.05, ticks_s=((1, 0.01), (4, 0.03)))
    for name in ("a", "b"):
        await registry.heartbeat(
            name, slots=4, used=0, world="toy", draining=False, capacity=curve, level=3
        )
    await redis.hset(keys.replica("b"), "capacity", '{"ticks_ms": 5}')
    assert [replica.capacity for replica in await registry.all()] == [curve, None]
    assert [replica.level for replica in await registry.all()] == [3, 3]


@pytest.mark.asyncio
async def test_worlds_on_offer_come_back_whole(redis: Redis) -> None:
    registry = ReplicaRegistry(redis)
    assert await registry.worlds() == []
    for world in (offer("toy", "b"), offer("doom", "c"), offer("toy", "a"), offer("toy", "b")):
        await registry.publish_world(world)
    assert await registry.worlds() == [offer("doom", "c"), offer("toy", "a"), offer("toy", "b")]
    assert 0 < await redis.ttl(keys.offer("toy", "a")) <= keys.OFFER_TTL_S
