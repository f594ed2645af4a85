"""A Redis that answers PING but refuses writes is unusable (cases/field.md C22-C24). Each fault
comes from a real server."""

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from services.backplane.connection import connect
from services.backplane.redis_probe import RedisProbe, refuse_unfit
from services.backplane.sessions import SessionStore
from services.environment import SettingsError
from services.wire import keys
from services.wire.session import SessionRecord, SessionStatus
from tests.services.backplane.redis_kit import MovingService, cluster_node, server
from tests.services.conftest import outage

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


async def reason(probe: RedisProbe) -> str:
    fault = await probe.fault()
    return fault.reason if fault else ""


async def create(redis: Redis, session_id: str) -> None:
    record = SessionRecord(
        session_id=session_id, status=SessionStatus.QUEUED, world="w", start=0, seed=1,
        created_at_ms=0,
    )  # fmt: skip
    assert await SessionStore(redis).create(record, max_queued=9) is not None


async def test_each_change_is_one_line(
    redis: Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    probe = RedisProbe(redis)
    assert [await reason(probe) for _ in range(2)] == ["", ""]
    with outage(redis_url):
        assert {await reason(probe) for _ in range(3)} == {"Redis does not answer."}
    assert await reason(probe) == ""
    said = [record.message for record in caplog.records if "probe" in record.name]
    assert said == ["redis cannot be used", "redis can be used again"]
    assert all([0 < await redis.ttl(key) <= 10 for key in await redis.keys("probe:*")])


async def test_full_memory_is_no_place_for_sessions(redis: Redis) -> None:
    probe = RedisProbe(redis)
    try:
        await redis.config_set("maxmemory", "1")
        assert await reason(probe) == "The memory of Redis is full (maxmemory)."
    finally:
        await redis.config_set("maxmemory", "512mb")
    assert await reason(probe) == ""


async def test_a_full_memory_can_be_left(redis: Redis) -> None:
    """cases/drills.md B5: leaving a session freed no memory."""
    store = SessionStore(redis)
    await create(redis, "a")
    try:
        await redis.config_set("maxmemory", "1")
        assert await store.end("a", "left")
        assert await store.end_overdue("late") == []
    finally:
        await redis.config_set("maxmemory", "512mb")
    assert await store.waiting() == []


async def test_a_failover_behind_one_address_is_followed(short_folder: Path) -> None:
    with server(short_folder / "a") as first, server(short_folder / "b") as second:
        service = MovingService(short_folder / "s.sock", first)
        async with connect(service.url) as redis:
            probe = RedisProbe(redis)
            await asyncio.gather(*(redis.ping() for _ in range(8)))  # 8 connections to the first
            await create(redis, "before")
            async with connect(first) as demoted, connect(second) as promoted:
                await demoted.replicaof("127.0.0.1", "1")
                assert "read-only" in await reason(probe)  # nobody is promoted yet
                await promoted.set("who", "second")
                await asyncio.gather(*(redis.ping() for _ in range(8)))
                service.lead_to(second)
                await create(redis, "after")  # the very first write is there
                assert await promoted.exists(keys.session("after"))
                await demoted.config_set("replica-serve-stale-data", "yes")
                await asyncio.sleep(0)
                assert await reason(probe) == ""


async def test_connections_that_only_read_leave_the_demoted_server_too(short_folder: Path) -> None:
    with server(short_folder / "a") as first, server(short_folder / "b") as second:
        service = MovingService(short_folder / "s.sock", first)
        async with connect(service.url) as redis, connect(second) as promoted:
            await asyncio.gather(*(redis.ping() for _ in range(8)))
            async with connect(first) as demoted:
                await demoted.replicaof("127.0.0.1", "1")
            probe = RedisProbe(redis)
            assert "read-only" in await reason(probe)
            service.lead_to(second)
            await promoted.set("who", "second")
            answers = await asyncio.gather(*(redis.get("who") for _ in range(8)))
            assert b"second" in answers
            await probe.fault()
            answers = await asyncio.gather(*(redis.get("who") for _ in range(8)))
            assert set(answers) == {b"second"}


async def test_a_cluster_is_refused_at_the_start(short_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        cluster_node(short_folder, port) as url,
        pytest.raises(SettingsError, match=r"NEXTFRAME_REDIS_URL.*cluster mode"),
    ):
        await refuse_unfit(url)


async def test_who_may_not_do_what_we_do_is_refused_at_the_start(short_folder: Path) -> None:
    with server(short_folder / "a") as url:
        async with connect(url) as redis:
            user: dict[str, Any] = {"enabled": True, "passwords": ["+p"]}
            await redis.acl_setuser("u", **user, keys=["*"], categories=["+@all", "-@scripting"])
            await redis.acl_setuser("v", **user, keys=["nf:*"], categories=["+@all"])
        for login, complaint in (("u:p", "scripts"), ("v:p", "keys"), ("u:hush", "password")):
            with pytest.raises(SettingsError, match=complaint) as refusal:
                await refuse_unfit(url.replace("unix://", f"unix://{login}@"))
            assert "hush" not in str(refusal.value)


async def test_a_redis_that_is_away_may_come_yet(short_folder: Path) -> None:
    await refuse_unfit(f"unix://{short_folder}/nobody.sock")
