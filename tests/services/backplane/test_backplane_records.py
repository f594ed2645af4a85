"""Services of two versions on one Redis, and unreadable records (cases/security.md M9)."""

import asyncio
import json
import logging
from dataclasses import asdict
from typing import Any

import pytest
from redis.asyncio import Redis

from services.backplane.records import RecordError
from services.backplane.releases import ReleaseStore, VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.backplane.snapshots import SavedSnapshots
from services.generation.sessions.dispatcher import Dispatcher
from services.wire import keys
from services.wire.release import Release
from services.wire.session import SessionRecord, SessionStatus
from services.wire.world import WorldOffer, WorldStart

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]

OFFER = WorldOffer(
    name="w", version="1", width=8, height=8, fps=20.0, buttons=("jump",), degrees_per_count=0.1,
    starts=(WorldStart(index=0, name="a", image=""),), digest="d",
)  # fmt: skip


async def queue(store: SessionStore, session_id: str) -> None:
    record = SessionRecord(
        session_id=session_id, status=SessionStatus.QUEUED, world="w", start=0, seed=1,
        created_at_ms=0,
    )  # fmt: skip
    assert await store.create(record, max_queued=9) is not None


async def test_what_a_newer_service_adds_is_ignored(redis: Redis) -> None:
    store = SessionStore(redis)
    await queue(store, "a")
    await redis.hset(keys.session("a"), "added_later", "x")
    assert await store.get("a") is not None
    await ReleaseStore(redis).put(Release(world="w", current="d"))
    newer = asdict(Release(world="w", current="d")) | {"added_later": 1}
    await redis.set(keys.world("w"), json.dumps(newer))
    assert (await ReleaseStore(redis).all())["w"].current == "d"
    offer: Any = json.loads(OFFER.to_json()) | {"added_later": [1]}
    offer["starts"][0]["added_later"] = 1
    assert WorldOffer.from_json(json.dumps(offer)) == OFFER


async def test_what_an_older_service_did_not_write_has_its_default(redis: Redis) -> None:
    store = SessionStore(redis)
    await queue(store, "a")
    await redis.hdel(keys.session("a"), "world_digest", "player_left_at_ms", "snapshot_of")
    found = await store.get("a")
    assert found is not None and found.world_digest == "" and found.player_left_at_ms == 0
    await ReplicaRegistry(redis).heartbeat("r", slots=1, used=0, world="w", draining=False)
    await redis.hdel(keys.replica("r"), "world_digest", "draining", "refusal")
    [replica] = await ReplicaRegistry(redis).all()
    assert (replica.world_digest, replica.draining) == ("", False)


@pytest.mark.parametrize(
    "broken",
    ["", "null", "[]", "{}", "no json", '{"world": 1}', '{"name": "w", "buttons": 1, "starts": 1}'],
)
async def test_what_cannot_be_read_is_left_out_or_is_one_kind_of_error(
    redis: Redis, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry, releases = ReplicaRegistry(redis), ReleaseStore(redis)
    await registry.publish_world(OFFER)
    await registry.publish_world(WorldOffer(**asdict(OFFER) | {"name": "x", "starts": ()}))
    await redis.set(keys.offer("x", "d"), broken)
    assert await registry.worlds() == [OFFER]
    await registry.heartbeat("good", slots=1, used=0, world="w", draining=False)
    await registry.heartbeat("bad", slots=1, used=0, world="w", draining=False)
    await redis.hset(keys.replica("bad"), "slots", "many")
    assert [replica.replica_id for replica in await registry.all()] == ["good"]
    await releases.put(Release(world="w"))
    await redis.set(keys.world("w"), broken)
    for asked in (releases.get("w"), releases.all()):
        with pytest.raises(RecordError):
            await asked
    await redis.hset(keys.saved_origin("k"), "world", "w")
    with pytest.raises(RecordError):
        await SavedSnapshots(redis).get("k")
    assert len(caplog.records) < 8


async def test_a_broken_session_holds_up_neither_the_line_nor_the_dispatcher(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    store = SessionStore(redis)
    for session_id in ("broken", "whole"):
        await queue(store, session_id)
    await redis.hset(keys.session("broken"), "status", "frozen")  # a status of times to come
    with pytest.raises(RecordError):
        await store.get("broken")
    await ReplicaRegistry(redis).heartbeat("r", slots=1, used=0, world="w", draining=False)
    called: asyncio.Queue[str] = asyncio.Queue()
    dispatcher = Dispatcher(redis, {"": called.put})
    await dispatcher.serve_queue()
    assert await asyncio.wait_for(called.get(), 5) == "whole"
    assert called.empty()
    assert await redis.exists(keys.session("broken"))  # another version may read it
    dispatcher.stop()


async def test_nothing_that_redis_holds_ends_the_dispatcher(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await redis.zadd(keys.QUEUE, {b"\xff\xfe": 1})  # no id of ours
    await redis.hset(keys.session("x"), "seen_at_ms", "not a number")
    await redis.set(keys.REPLICAS, "no set")

    async def run_session(session_id: str) -> None: ...

    dispatcher = Dispatcher(redis, {"": run_session})
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1.2)
    assert not running.done()
    dispatcher.stop()
    await running
    assert len(caplog.records) < 6


async def test_names_and_numbers_that_are_none_are_left_out(redis: Redis) -> None:
    store, registry = SessionStore(redis), ReplicaRegistry(redis)
    await registry.publish_world(OFFER)
    await registry.heartbeat("good", slots=1, used=0, world="w", draining=False)
    await queue(store, "whole")
    for index in (keys.OFFERS, keys.REPLICAS, keys.WORLDS):
        await redis.sadd(index, b"\xff")
    await redis.rpush(keys.LENGTHS, "nan", "many", 2000)
    await redis.zadd(keys.LEASES, {"endless": float("inf"), "whole": 5})
    await redis.zadd(keys.LEASES, {b"\xff": 1})
    await redis.hset(keys.figures("d"), mapping={"frames": 5, "lost": "many"})
    assert await registry.worlds() == [OFFER]
    assert [replica.replica_id for replica in await registry.all()] == ["good"]
    assert await ReleaseStore(redis).all() == {}
    assert await store.lengths_s() == [2.0]
    assert await store.leases() == {"whole": 5}
    assert await VersionFigures(redis).read("d") == {"frames": 5}
    await redis.hset(keys.session("broken"), mapping={"world": b"\xff", "seen_at_ms": 9e15})
    await redis.zadd(keys.QUEUE, {"broken": 1})
    assert await store.waiting() == ["whole"]


async def test_a_session_whose_times_are_none_stops_nobody(redis: Redis) -> None:
    """One invalid record stopped the whole queue and the end of overdue sessions."""
    store = SessionStore(redis)
    for session_id in ("broken", "torn", "whole"):
        await queue(store, session_id)
    await redis.hset(keys.session("broken"), mapping={"seen_at_ms": "x", "held_since_ms": "y"})
    await redis.set(keys.session("torn"), "no hash")
    await redis.hset(keys.WATCHED, mapping={"at_ms": "z", "since_ms": ""})
    assert await store.waiting() == ["whole"]
    assert await store.acquire("whole", replica_id="r", frame_address="a:1", link_key="k")
    await redis.hdel(keys.session("broken"), "max_age_ms")
    await redis.zadd(keys.ENDINGS, {"broken": 1, "torn": 2, "whole": 3})
    await store.end_overdue("over")
    assert await store.count() == 0
