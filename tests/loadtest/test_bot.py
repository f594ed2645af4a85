"""A bot against a fake service over real HTTP and WebRTC."""

import asyncio
import time
from collections.abc import AsyncIterator
from statistics import median

import aioice.ice
import pytest
import pytest_asyncio

from loadtest.bot import Bot
from loadtest.public_api import PublicApi
from loadtest.report import player_figures
from loadtest.rtc_hooks import gather_loopback_only
from loadtest.scenario import Scenario
from tests.loadtest.fake_service import DENOISE_MS, FPS, FakeService, serving

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    gather_loopback_only()


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeService]:
    async with serving(FakeService()) as service:
        yield service


async def play(fake: FakeService, *, players: int = 1, seconds: float = 3.0) -> list[Bot]:
    scenario = Scenario(users=players, seconds=seconds, full_every=2)
    api = PublicApi(fake.url, allow_remote=False)
    await api.open_page()
    [world] = await api.worlds()
    bots = [Bot(player=i, scenario=scenario, world=world, api=api) for i in range(players)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(bot.play(until=until) for bot in bots))
    await api.close()
    return bots


@pytest.mark.asyncio
async def test_a_bot_sees_each_frame_as_it_is_sent(fake: FakeService) -> None:
    """Not one period later, when aiortc would hand it out."""
    [bot] = await play(fake)
    delays_s = [arrival.at - fake.frame_sent_at[t] for t, arrival in bot.log.arrivals.items()]
    assert len(delays_s) >= len(fake.frame_sent_at) - 2 > 20
    assert min(delays_s) > 0
    assert median(delays_s) < 0.5 / FPS


@pytest.mark.asyncio
async def test_a_bot_tells_where_the_time_went(fake: FakeService) -> None:
    [bot] = await play(fake)
    figures = player_figures(bot.log, period_s=1 / FPS)
    assert figures.errors == ()
    assert figures.num_notes >= figures.num_frames - 2
    assert figures.stage_ms["denoise"].mean == pytest.approx(DENOISE_MS, abs=0.01)
    assert figures.stage_ms["network"].p50 > 0
    assert figures.cdf_ms[0] > DENOISE_MS
    photon = figures.action_to_photon_ms
    assert photon is not None and photon.num >= figures.num_actions - 4 > 20


@pytest.mark.asyncio
async def test_hands_reach_the_service_and_the_player_leaves(fake: FakeService) -> None:
    [bot] = await play(fake, seconds=2)
    actions = fake.actions["session-0"]
    assert [action.seq for action in actions] == list(range(1, len(actions) + 1))
    assert len(actions) == pytest.approx(len(bot.log.sent_at), abs=1)
    assert fake.heartbeat.is_set()
    assert fake.ended == ["session-0"]


@pytest.mark.asyncio
async def test_a_light_player_counts_frames_without_decoding_any(fake: FakeService) -> None:
    full, light = await play(fake, players=2, seconds=2)
    assert full.log.num_decoded > 10
    assert full.log.picture == (64, 48)
    assert light.log.num_decoded == 0
    assert len(light.log.arrivals) > 10
    assert [world["start"] for world in fake.sessions.values()] == [0, 1]


@pytest.mark.asyncio
async def test_a_full_house_is_an_error_of_that_player_only() -> None:
    async with serving(FakeService(seats=1)) as fake:
        logs = [bot.log for bot in await play(fake, players=2, seconds=1.5)]
    assert sorted(len(log.arrivals) > 0 for log in logs) == [False, True]
    assert sorted(log.errors for log in logs) == [
        [],
        ["asking for a session: 429 the line is full"],
    ]


@pytest.mark.asyncio
async def test_a_session_that_the_service_ends_is_over_at_once(fake: FakeService) -> None:
    started_at = time.monotonic()
    playing = asyncio.create_task(play(fake, seconds=20))
    await fake.heartbeat.wait()
    fake.end_all("the world closed")
    [bot] = await playing
    assert time.monotonic() - started_at < 10
    assert bot.log.errors == ["the services ended the session: the world closed"]


@pytest.mark.asyncio
async def test_a_player_who_is_sent_to_another_machine_does_not_go(fake: FakeService) -> None:
    fake.whep_host = "http://203.0.113.9"
    [bot] = await play(fake, seconds=5)
    [error] = bot.log.errors
    assert "203.0.113.9" in error and "not on this machine" in error


@pytest.mark.asyncio
async def test_a_service_without_video_leaves_a_player_without_frames() -> None:
    async with serving(FakeService(sends_video=False)) as fake:
        full, light = await play(fake, players=2, seconds=1.5)
    for bot in (full, light):
        assert bot.log.errors == ["no frame came in time; the session is queued"]
