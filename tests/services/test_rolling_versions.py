"""Two versions of the services at once: a field that only one version knows breaks no reader
(cases/security.md M9)."""

import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from typing import Any

import pytest
from redis.asyncio import Redis

from services.backplane.orders import ReplicaOrders
from services.backplane.releases import VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.backplane.snapshots import SavedSnapshots
from services.wire import keys
from services.wire.capacity import CapacityCurve
from services.wire.frame import Hello
from services.wire.release import Release
from services.wire.session import SessionRecord, SessionStatus
from services.wire.world import WorldKey, WorldOffer, WorldStart

OFFER = WorldOffer(
    name="w", version="1", width=8, height=8, fps=20.0, buttons=("jump",), degrees_per_count=0.1,
    starts=(WorldStart(index=0, name="a", image=""),), digest="d",
    keys=(WorldKey(button="jump", label="Jump", code="Space", pad=0),),
)  # fmt: skip
HELLO = Hello(session_id="s", epoch=1, link_key="k")
JSON_RECORDS: list[tuple[Any, Callable[[Any], Any], str]] = [
    (OFFER, WorldOffer.from_json, OFFER.to_json()),
    (Release(world="w"), Release.from_json, json.dumps(asdict(Release(world="w")))),
    (HELLO, Hello.from_body, HELLO.to_body().decode()),
]
RECORD = SessionRecord(
    session_id="s", status=SessionStatus.QUEUED, world="w", start=0, seed=1, created_at_ms=0
)


def optional(cls: type) -> list[str]:
    found = [f for f in fields(cls) if f.default is not MISSING]
    return [one.name for one in found]


@pytest.mark.parametrize(("record", "read", "text"), JSON_RECORDS)
def test_a_json_record_may_have_more_fields_and_fewer(
    record: Any, read: Callable[[Any], Any], text: str
) -> None:
    content = json.loads(text)
    assert read(json.dumps(_with_more(content))) == record
    for name in optional(type(record)):
        assert read(json.dumps({k: v for k, v in content.items() if k != name})) is not None


def test_a_capacity_curve_may_have_more_fields() -> None:
    curve = CapacityCurve(period_s=0.05, ticks_s=((1, 0.01),))
    text = json.dumps(json.loads(curve.to_json()) | {"added_later": 1})
    assert CapacityCurve.from_json(text) == curve


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_hash_in_redis_may_have_more_fields_and_fewer(redis: Redis) -> None:
    store, registry = SessionStore(redis), ReplicaRegistry(redis)
    await store.create(RECORD, max_queued=9)
    await redis.hset(keys.session("s"), "added_later", "x")
    for name in optional(SessionRecord):
        await redis.hdel(keys.session("s"), name)
        assert await store.get("s") is not None, name

    await registry.heartbeat("r", slots=1, used=0, world="w", draining=False)
    await redis.hset(keys.replica("r"), "added_later", "x")
    needed = {b"slots", b"used", b"world"}
    for field in set(await redis.hkeys(keys.replica("r"))) - needed:
        await redis.hdel(keys.replica("r"), field)
        assert len(await registry.all()) == 1, field

    await redis.hset(keys.saved_origin("p"), mapping={"world": "w", "start": 0, "seed": 1})
    await redis.hset(keys.saved_origin("p"), "added_later", "x")
    assert (saved := await SavedSnapshots(redis).get("p")) is not None and saved.world == "w"
    await redis.hset(keys.figures("d"), "added_later", 3)
    assert (await VersionFigures(redis).read("d"))["added_later"] == 3
    await redis.hset(keys.orders("r"), "added_later", "x")
    await ReplicaOrders(redis).drain("r")
    assert (await ReplicaOrders(redis).take("r")).drains is True


@pytest.mark.redis
@pytest.mark.asyncio
async def test_an_owner_keeps_what_a_newer_service_wrote(redis: Redis) -> None:
    """Also across a restart of Redis without its data."""
    store = SessionStore(redis)
    await store.create(RECORD, max_queued=9)
    lease = await store.acquire("s", replica_id="r", frame_address="127.0.0.1:9", link_key="k")
    assert lease is not None
    await redis.hset(keys.session("s"), "added_later", "x")
    known = await store.renew_fields("s", lease)
    await redis.flushall()
    assert await store.restore("s", lease, known)
    assert await redis.hget(keys.session("s"), "added_later") == b"x"


def _with_more(content: Any) -> Any:
    """With a further field in every object."""
    if isinstance(content, dict):
        return {k: _with_more(v) for k, v in content.items()} | {"added_later": [1]}
    return [_with_more(one) for one in content] if isinstance(content, list) else content
