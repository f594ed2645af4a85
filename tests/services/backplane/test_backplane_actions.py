"""The way of an action: in order, once, bounded, and over a Redis restart."""

import asyncio
import logging
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.backplane import actions
from services.backplane.actions import ActionReader, ActionWriter
from services.backplane.connection import BackplaneError, connect
from services.play.private_redis import PrivateRedis
from services.wire import keys

pytestmark = pytest.mark.redis


def read(reader: ActionReader) -> list[tuple[str, bytes]]:
    return [(action.session_id, action.message) for action in reader.read()]


@pytest.mark.asyncio
async def test_actions_are_read_once_and_in_order(redis: Redis, redis_url: str) -> None:
    writer, reader = ActionWriter(redis), ActionReader(redis_url, "r1")
    assert reader.read() == []
    await asyncio.gather(*(writer.append("r1", f"s{i % 3}", bytes([i])) for i in range(100)))
    await writer.append("r2", "s0", b"another replica's")
    assert read(reader) == [(f"s{i % 3}", bytes([i])) for i in range(100)]
    assert reader.read() == []
    await writer.append("r1", "s0", b"later")
    assert read(reader) == [("s0", b"later")]
    await writer.aclose()
    reader.close()


@pytest.mark.asyncio
async def test_an_action_tells_how_long_it_has_waited_by_the_servers_clock(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours_is_fast_s = 100.0
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ours_is_fast_s)
    seconds, microseconds = await redis.time()
    taken_ms = 1000 * seconds + microseconds // 1000 - 700
    await redis.xadd(keys.actions("r1"), {"s": "s", "a": b"x"}, id=f"{taken_ms}-0")
    reader = ActionReader(redis_url, "r1")
    [action] = reader.read()
    assert 0.69 < action.age_s < 10
    reader.close()


@pytest.mark.asyncio
async def test_a_stream_that_nobody_reads_stays_small_and_ends(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "ACTIONS_MAXLEN", 100)
    writer = ActionWriter(redis)
    for _ in range(500):
        await writer.append("r1", "s", b"x")
    assert await redis.xlen(keys.actions("r1")) <= 200  # trimmed by whole nodes of 100
    assert 0 < await redis.ttl(keys.actions("r1")) <= keys.ACTIONS_TTL_S
    await writer.aclose()


@pytest.mark.asyncio
async def test_reader_and_writer_survive_a_restart_of_redis(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(actions, "PAUSE_AFTER_ERROR_S", 0.0)
    caplog.set_level(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="nextframe-") as name:
        folder = Path(name)
        with closing(PrivateRedis(folder)) as first:
            redis = connect(first.url)
            writer, reader = ActionWriter(redis), ActionReader(first.url, "r1")
            await writer.append("r1", "s", b"before")
            assert read(reader) == [("s", b"before")]
        with pytest.raises(BackplaneError):
            await writer.append("r1", "s", b"nobody there")
        assert reader.read() == reader.read() == []
        with closing(PrivateRedis(folder)):
            await writer.append("r1", "s", b"after")
            assert read(reader) == [("s", b"after")]
        reader.close()
        await writer.aclose()
        await redis.aclose()
    said = [record.message for record in caplog.records if record.name == actions.__name__]
    assert said == ["actions are lost", "actions are back"]


def test_a_lost_redis_is_not_asked_at_every_frame(tmp_path: Path) -> None:
    reader = ActionReader(f"unix://{tmp_path}/nobody.sock", "r1")
    assert reader.read() == []
    asked_at = reader._not_before
    assert reader.read() == []
    assert reader._not_before == asked_at
