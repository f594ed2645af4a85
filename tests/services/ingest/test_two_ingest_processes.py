"""Two real ingest processes on one Redis: a session has one player, wherever each connects."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.backplane import player_lock
from tests.services.ingest.ingest_kit import FakeReplica, RunningIngest, browser, running_ingest

pytestmark = [pytest.mark.asyncio, pytest.mark.redis]


@pytest_asyncio.fixture
async def processes(redis_url: str) -> AsyncIterator[tuple[RunningIngest, RunningIngest]]:
    """Two processes with the live session "s1"."""
    async with (
        running_ingest(redis_url) as one,
        running_ingest(redis_url) as other,
        FakeReplica() as replica,
    ):
        await one.live("s1", replica)
        yield one, other


Processes = tuple[RunningIngest, RunningIngest]


async def test_the_player_lock_holds_at_every_ingest_process(processes: Processes) -> None:
    one, other = processes
    async with browser() as player, browser() as second, browser(plays=False) as watcher:
        await one.join("s1", player)
        refused = await other.join("s1", second)
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:nextframe:problem:seat-taken"
        assert "watch" in refused.json()["detail"]
        assert (await other.join("s1", watcher)).status_code == 201
        await watcher.until(lambda: len(watcher.greys) > 0)


async def test_a_reloaded_page_is_admitted_at_another_process_at_once(processes: Processes) -> None:
    one, other = processes
    async with browser() as before, browser() as after:
        await one.join("s1", before)
        await before.until(lambda: len(before.greys) > 0)
        goodbye = await other.http.delete(before.location)  # the balancer chose another process
        assert goodbye.status_code == 204
        assert (await other.join("s1", after)).status_code == 201
        await before.until(lambda: before.connection.connectionState == "closed", tick_s=0.05)
        await after.until(lambda: len(after.greys) > 0)


async def test_an_ingest_process_lets_go_of_a_player_that_lost_the_lock(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = processes
    async with browser() as first, browser() as second:
        await one.join("s1", first)
        await first.until(lambda: len(first.greys) > 0)
        monkeypatch.setattr(player_lock, "PATIENCE_MS", -60_000)  # whatever it says came too late
        assert (await other.join("s1", second)).status_code == 201
        await first.until(lambda: first.connection.connectionState == "closed", tick_s=0.05)
        await second.until(lambda: len(second.greys) > 0)
