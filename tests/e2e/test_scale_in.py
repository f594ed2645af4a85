"""Ray Serve deploys anew with one replica less, under play: the drain comes first, so no world is
lost."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from model.snapshot import WorldSnapshot
from services.backplane.connection import connect
from services.backplane.releases import VersionFigures
from services.backplane.sessions import SessionStore
from services.play.private_redis import PrivateRedis
from services.wire.session import SessionStatus
from tests.autoscale.fake_players import FakePlayers
from tests.model.conftest import make_world

TIMEOUT_S = 200.0  # a busy machine with two cores takes its time
LOOK_S = 0.1
MANY_FRAMES = 20


@pytest.mark.e2e
@pytest.mark.timeout(700)
@pytest.mark.asyncio
async def test_a_redeployment_with_fewer_replicas_loses_no_session() -> None:
    with tempfile.TemporaryDirectory(prefix="a") as name:
        make_world("consistency").save(Path(name) / "tiny", card="random")
        redis = PrivateRedis(Path(name))
        try:
            async with connect(redis.url) as client, _serve(redis.url, Path(name)) as service:
                players = FakePlayers(client, world="tiny")
                await _resize(service, players, 2)
                await players.join(2)
                await _becomes_live(players, on=2)
                await _has_played(client, players)
                frames = await _frames(client, players)
                await _resize(service, players, 1)
                await _becomes_live(players, on=1)
                [digest] = {record.world_digest for record in players.records.values()}
                figures = await VersionFigures(client).read(digest)
                assert figures.get("moved", 0) >= 2 and "lost" not in figures
                assert not any(sample.lost for sample in players.samples)
                after = await _frames(client, players)
                assert all(after[one] >= frames[one] for one in frames)
        finally:
            redis.close()


@asynccontextmanager
async def _serve(redis_url: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = {
        "WORLD": str(folder / "tiny"),
        "OPS_PORT": "0",
        "SLOTS": "2",
        "THREADS": "1",
        "NUM_CPUS": "0.5",
        "ABSENT_S": "300",
    }
    ours = {f"NEXTFRAME_GENERATION_{name}": value for name, value in settings.items()}
    service = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.e2e.resized_serve",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | ours | {"NEXTFRAME_REDIS_URL": redis_url},
    )
    try:
        yield service
    finally:
        assert service.stdin is not None
        service.stdin.close()
        await asyncio.wait_for(service.communicate(), TIMEOUT_S)


async def _resize(service: asyncio.subprocess.Process, players: FakePlayers, number: int) -> None:
    assert service.stdin is not None and service.stdout is not None
    service.stdin.write(f"{number}\n".encode())
    answer = asyncio.ensure_future(_answer(service.stdout, f"{number}\n".encode()))
    async with asyncio.timeout(TIMEOUT_S):
        try:
            while not answer.done():
                await players.look()
                await asyncio.sleep(LOOK_S)
            await answer
        finally:
            answer.cancel()


async def _answer(lines: asyncio.StreamReader, expected: bytes) -> None:
    """Skips the log."""
    while (line := await lines.readline()) != expected:
        assert line, "the service has ended"


async def _becomes_live(players: FakePlayers, *, on: int) -> None:
    """Until both sessions play, on a number of replicas."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            now = await players.look()
            if now.live == 2 and len(players.on_distinct_replicas()) == on:
                return
            await asyncio.sleep(LOOK_S)


async def _has_played(client: Redis, players: FakePlayers) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while min((await _frames(client, players)).values()) < MANY_FRAMES:
            await players.look()
            await asyncio.sleep(LOOK_S)


async def _frames(client: Redis, players: FakePlayers) -> dict[str, int]:
    """The frame of each session's snapshot."""
    found = {}
    for session_id, record in players.records.items():
        assert record.status is SessionStatus.LIVE
        blob = await SessionStore(client).load_snapshot(session_id)
        found[session_id] = WorldSnapshot.from_bytes(blob).frame_idx if blob else 0
    return found
