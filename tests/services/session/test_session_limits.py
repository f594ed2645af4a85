"""A visitor or a crowd uses up all limits; a player at another address still plays."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.session.app import create_app
from services.session.settings import SessionSettings
from services.wire.session import SessionStatus
from tests.services.session.test_session_app import (
    TOY,
    assert_problem,
    bearer,
    client_of,
    created,
    path,
    settings,
)

pytestmark = pytest.mark.redis

WORLD_BYTES = 1 << 19  # a snapshot
MINUTES = 5


class SessionHarness:
    """The session service with production limits, and a replica that accepts every session."""

    def __init__(self, app: FastAPI, redis: Redis) -> None:
        self.app = app
        self.redis = redis
        self.store = SessionStore(redis)
        self.highest = 0

    async def used(self) -> int:
        return int((await self.redis.info("memory"))["used_memory"])

    async def pass_a_minute(self) -> None:
        """Resets rate limits. Nothing else expires, in favour of the attacker."""
        async for name in self.redis.scan_iter("rate:*"):
            await self.redis.delete(name)

    async def play(self, session: Any) -> None:
        lease = await self.store.acquire(
            session["id"], replica_id="r", frame_address="x:1", link_key="k"
        )
        assert lease is not None
        assert await self.store.set_status(session["id"], SessionStatus.LIVE, lease)
        assert await self.store.save_snapshot(session["id"], lease, b"w" * WORLD_BYTES)

    async def grab(self, client: httpx.AsyncClient, *, leaves: bool) -> set[str]:
        """Takes everything that one address gets in a minute; returns the problem kinds."""
        words = set()
        while (answer := await client.post("/v1/sessions")).status_code == 201:
            session = answer.json()
            await self.play(session)
            url = path(session) + "/snapshot"
            while (saved := await client.post(url, headers=bearer(session))).status_code == 201:
                self.highest = max(self.highest, await self.used())
            words.add(_kind(saved))
            if leaves:
                await client.delete(path(session), headers=bearer(session))
        self.highest = max(self.highest, await self.used())
        return words | {_kind(answer)}


def _kind(answer: httpx.Response) -> str:
    assert answer.headers["retry-after"] in answer.json()["detail"], answer.text
    return str(answer.json()["type"]).rpartition(":")[2]


@pytest_asyncio.fixture
async def harness(redis_url: str, redis: Redis) -> AsyncIterator[SessionHarness]:
    await ReplicaRegistry(redis).publish_world(TOY)
    yield SessionHarness(create_app(settings(redis_url, redis_budget_mb=24)), redis)


async def plays(harness: SessionHarness, address: str) -> None:
    """Creates, plays and saves."""
    async with client_of(harness.app, address) as player:
        session = await created(player)
        await harness.play(session)
        saved = await player.post(path(session) + "/snapshot", headers=bearer(session))
        assert saved.status_code == 201, saved.text


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.asyncio
async def test_one_address_cannot_fill_redis(harness: SessionHarness, leaves: bool) -> None:
    words: set[str] = set()
    async with client_of(harness.app, "127.0.0.2") as attacker:
        for _ in range(MINUTES):
            words |= await harness.grab(attacker, leaves=leaves)
            await harness.pass_a_minute()
    assert words >= {"rate-limited"} if leaves else words >= {"enough-open"}
    assert harness.highest <= 24 << 20
    await plays(harness, "127.0.0.3")


@pytest.mark.asyncio
async def test_a_crowd_of_addresses_stops_at_the_budget(harness: SessionHarness) -> None:
    words: set[str] = set()
    for i in range(12):
        async with client_of(harness.app, f"198.51.100.{i}") as attacker:
            words |= await harness.grab(attacker, leaves=True)
        await harness.pass_a_minute()
    assert "no-room" in words
    assert harness.highest <= 24 << 20


@pytest.mark.asyncio
async def test_who_is_refused_for_want_of_room_leaves_no_trace(harness: SessionHarness) -> None:
    await harness.redis.set("much", b"x" * (24 << 20))
    before = await harness.redis.dbsize()
    for i in range(5):
        async with client_of(harness.app, f"198.51.100.{i}") as client:
            assert_problem(await client.post("/v1/sessions"), 503, "no-room", "Try again in 60 s.")
    assert await harness.redis.dbsize() == before


@pytest.mark.asyncio
async def test_a_network_of_households_is_bounded_as_a_whole(
    redis_url: str, store_of_toy: SessionStore
) -> None:
    app = create_app(settings(redis_url, creations_per_minute=1, open_per_caller=9))
    statuses = await _create_from(app, [f"2001:db8:1:{i}::1" for i in range(6)])
    assert statuses == [201] * 4 + [429] * 2
    assert await _create_from(app, ["2001:db8:2:1::1", "127.0.0.2", "127.0.0.3"]) == [201] * 3


@pytest_asyncio.fixture
async def store_of_toy(redis: Redis) -> SessionStore:
    await ReplicaRegistry(redis).publish_world(TOY)
    return SessionStore(redis)


async def _create_from(app: FastAPI, addresses: Sequence[str]) -> list[int]:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(app, one)) for one in addresses]
        return [(await client.post("/v1/sessions")).status_code for client in clients]


@pytest.mark.asyncio
async def test_leaving_works_when_redis_is_full(harness: SessionHarness) -> None:
    async with client_of(harness.app) as client:
        session = await created(client)
        await harness.play(session)
        before = str((await harness.redis.config_get("maxmemory"))["maxmemory"])
        await harness.redis.config_set("maxmemory", 1)
        try:
            look = await client.get(path(session), headers=bearer(session))
            newcomer = await client.post("/v1/sessions")
            left = await client.delete(path(session), headers=bearer(session))
            freed = await harness.store.load_snapshot(session["id"])
        finally:
            await harness.redis.config_set("maxmemory", before)
    assert (look.status_code, left.status_code, freed) == (200, 204, None)
    assert_problem(newcomer, 503, "no-room", "Try again in 60 s.")


@pytest.mark.asyncio
async def test_operators_see_the_budget(harness: SessionHarness) -> None:
    used, budget = await harness.store.memory(max_bytes=24 << 20)
    assert 0 < used < budget == 24 << 20
    ceiling = int((await harness.redis.info("memory"))["maxmemory"])
    assert (await harness.store.memory(max_bytes=1 << 50))[1] == pytest.approx(0.8 * ceiling, abs=1)


def test_production_keeps_its_limits_strict() -> None:
    defaults = SessionSettings(redis_url="redis://x", token_secret="s" * 32)
    assert defaults.open_per_caller <= 3
    assert defaults.redis_budget_mb <= 256
