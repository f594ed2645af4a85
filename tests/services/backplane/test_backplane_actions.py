"""Actions from ingest to replica: in order, once, bounded, and across a Redis restart."""

import asyncio
import logging
import os
import signal
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from services.backplane import action_reader
from services.backplane.action_reader import ActionReader, ReadAction
from services.backplane.actions import ActionWriter
from services.backplane.connection import BackplaneError, connect
from services.play.private_redis import PrivateRedis
from services.wire import keys
from tests.services.backplane.redis_kit import MovingService, server
from tests.services.generation.generation_kit import until

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


async def read(reader: ActionReader, count: int) -> list[ReadAction]:
    """Waits up to 5 s for `count` actions."""
    found: list[ReadAction] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += reader.read()
            await asyncio.sleep(0.005)
    return found


def messages(found: list[ReadAction]) -> list[tuple[str, bytes]]:
    return [(action.session_id, action.message) for action in found]


async def test_an_entry_that_is_no_action_costs_no_other(redis: Redis, redis_url: str) -> None:
    stream: Any = keys.actions("r")
    for entry in ({"x": "y"}, {"s": b"\xff", "a": "m"}, {"s": "one", "a": "m"}):
        await redis.xadd(stream, entry)  # type: ignore[arg-type]
    with closing(ActionReader(redis_url, "r")) as reader:
        assert messages(await read(reader, 1)) == [("one", b"m")]


async def test_actions_are_read_once_and_in_order(redis: Redis, redis_url: str) -> None:
    writer = ActionWriter(redis)
    with closing(ActionReader(redis_url, "r1")) as reader:
        await asyncio.gather(*(writer.append("r1", f"s{i % 3}", bytes([i])) for i in range(100)))
        await writer.append("r2", "s0", b"another replica's")
        found = messages(await read(reader, 100))
        assert found == [(f"s{i % 3}", bytes([i])) for i in range(100)]
        await writer.append("r1", "s0", b"later")
        assert messages(await read(reader, 1)) == [("s0", b"later")]
        await asyncio.sleep(0.05)
        assert reader.read() == []
    await writer.aclose()


async def test_many_actions_share_their_way_to_redis(redis: Redis) -> None:
    """One round trip per action limited an ingest process to 1000 a second at 1 ms to Redis."""
    before: Any = await redis.info("stats")
    writer = ActionWriter(redis)
    await asyncio.gather(*(writer.append("r1", "s", bytes([i])) for i in range(200)))
    entries: Any = await redis.xrange(keys.actions("r1"))
    assert [entry[b"a"] for _, entry in entries] == [bytes([i]) for i in range(200)]
    after: Any = await redis.info("stats")
    assert after["total_reads_processed"] - before["total_reads_processed"] < 50
    await writer.aclose()


async def test_an_action_that_redis_refuses_is_the_senders_to_know(redis: Redis) -> None:
    await redis.set(keys.actions("r1"), "no stream")
    writer = ActionWriter(redis)
    with pytest.raises(BackplaneError):
        await writer.append("r1", "s", b"x")
    await writer.append("r2", "s", b"x")
    await writer.aclose()


async def test_an_action_tells_how_long_it_has_waited_by_the_servers_clock(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours_is_fast_s = 100.0
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ours_is_fast_s)
    seconds, microseconds = await redis.time()
    taken_ms = 1000 * seconds + microseconds // 1000 - 700
    await redis.xadd(keys.actions("r1"), {"s": "s", "a": b"x"}, id=f"{taken_ms}-0")
    with closing(ActionReader(redis_url, "r1")) as reader:
        [action] = await read(reader, 1)
    assert 0.69 < action.age_s < 10


async def test_a_stream_that_nobody_reads_stays_small_and_ends(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "ACTIONS_MAXLEN", 100)
    writer = ActionWriter(redis)
    for _ in range(500):
        await writer.append("r1", "s", b"x")
    assert await redis.xlen(keys.actions("r1")) <= 200  # trimmed by whole nodes of 100
    assert 0 < await redis.ttl(keys.actions("r1")) <= keys.ACTIONS_TTL_S
    await redis.flushall()  # as after a restart without its data
    await writer.append("r1", "s", b"x")
    assert 0 < await redis.ttl(keys.actions("r1")) <= keys.ACTIONS_TTL_S
    await writer.aclose()


async def test_what_nobody_takes_stays_small(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "ACTIONS_MAXLEN", 10)
    writer = ActionWriter(redis)
    with closing(ActionReader(redis_url, "r1")) as reader:
        for i in range(30):
            await writer.append("r1", "s", bytes([i]))
        await until(lambda: bool(reader._arrived) and reader._arrived[-1][1][b"a"] == bytes([29]))
        assert [m for _, m in messages(reader.read())] == [bytes([i]) for i in range(20, 30)]
    await writer.aclose()


async def test_reader_and_writer_survive_a_restart_of_redis(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(action_reader, "PAUSE_AFTER_ERROR_S", 0.01)
    caplog.set_level(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="nextframe-") as name:
        folder = Path(name)
        with closing(PrivateRedis(folder)) as first:
            redis = connect(first.url)
            writer, reader = ActionWriter(redis), ActionReader(first.url, "r1")
            await writer.append("r1", "s", b"before")
            assert messages(await read(reader, 1)) == [("s", b"before")]
        with pytest.raises(BackplaneError):
            await writer.append("r1", "s", b"nobody there")
        assert reader.read() == []
        with closing(PrivateRedis(folder)):
            await writer.append("r1", "s", b"after")
            assert messages(await read(reader, 1)) == [("s", b"after")]
            reader.close()
        await writer.aclose()
        await redis.aclose()
    said = [record.message for record in caplog.records if record.name == action_reader.__name__]
    assert said == ["actions are lost", "actions are back"]


async def test_a_redis_that_hangs_keeps_nobody_waiting(short_folder: Path) -> None:
    """cases/security.md M21: a hanging Redis took a third of the serving loop's time, for all
    sessions."""
    with closing(PrivateRedis(short_folder)) as private:
        reader = ActionReader(private.url, "r1")
        async with connect(private.url) as redis:
            writer = ActionWriter(redis)
            await writer.append("r1", "s", b"before")
            await read(reader, 1)
            os.kill(private.child.pid, signal.SIGSTOP)
            began, longest_s = time.monotonic(), 0.0
            while (now := time.monotonic()) - began < 3.0:  # longer than the reader's time-out
                reader.read()
                longest_s = max(longest_s, time.monotonic() - now)
                await asyncio.sleep(0.01)
            os.kill(private.child.pid, signal.SIGCONT)
            assert longest_s < 0.05  # 0.25 s when the loop itself asked Redis
            await writer.append("r1", "s", b"after")
            assert ("s", b"after") in messages(await read(reader, 1))
            await writer.aclose()
        reader.close()


async def test_a_name_that_does_not_resolve_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def resolve(*_: object, **__: object) -> list[object]:
        asked.set()
        answer.wait(10)
        return []

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    reader = ActionReader("redis://no.such.host:6379", "r1")
    assert asked.wait(5)
    began = time.monotonic()
    assert reader.read() == []
    assert time.monotonic() - began < 0.05
    answer.set()
    reader.close()


async def test_a_demoted_server_is_left(short_folder: Path) -> None:
    """A demoted server still answers reads, with outdated data."""
    with server(short_folder / "a") as first, server(short_folder / "b") as second:
        service = MovingService(short_folder / "s.sock", first)
        with closing(ActionReader(service.url, "r1")) as reader:
            async with connect(first) as demoted, connect(second) as promoted:
                await demoted.replicaof("127.0.0.1", "1")
                service.lead_to(second)
                await ActionWriter(promoted).append("r1", "s", b"x")
                assert messages(await read(reader, 1)) == [("s", b"x")]
