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


ENOUGH = "the services ended the session: enough"


async def play(fake: FakeService, *, players: int = 1, seconds: float = 60) -> list[Bot]:
    """Of two players the first decodes video, the second does not."""
    scenario = Scenario(users=players, seconds=60, full_every=2)
    api = PublicApi(fake.url, allow_remote=False)
    await api.open_page()
    [world] = await api.worlds()
    bots = [Bot(player=i, scenario=scenario, world=world, api=api) for i in range(players)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(bot.play(until=until) for bot in bots))
    await api.close()
    return bots


async def play_frames(fake: FakeService, num_frames: int, *, players: int = 1) -> list[Bot]:
    """Plays until each player was sent `num_frames` frames, then ends the service."""
    playing = asyncio.create_task(play(fake, players=players))
    await fake.until_sent(num_frames, players=min(players, fake.max_sessions))
    fake.end_all("enough")
    return await playing


@pytest.mark.asyncio
async def test_a_bot_sees_each_frame_as_it_is_sent(fake: FakeService) -> None:
    """Not one period later, when aiortc reports the frame."""
    [bot] = await play_frames(fake, 40)
    delays_s = [arrival.at - fake.frame_sent_at[t] for t, arrival in bot.log.arrivals.items()]
    assert len(delays_s) >= 38
    assert min(delays_s) > 0
    assert median(delays_s) < 0.5 / FPS


@pytest.mark.asyncio
async def test_a_bot_tells_where_the_time_went(fake: FakeService) -> None:
    [bot] = await play_frames(fake, 40)
    figures = player_figures(bot.log, period_s=1 / FPS)
    assert figures.errors == (ENOUGH,)
    assert figures.num_notes >= figures.num_frames - 2
    assert figures.stage_ms["denoise"].mean == pytest.approx(DENOISE_MS, abs=0.01)
    assert figures.stage_ms["network"].p50 > 0
    assert figures.cdf_ms[0] > DENOISE_MS
    photon = figures.action_to_photon_ms
    assert photon is not None and photon.num >= figures.num_actions / 2 > 5


@pytest.mark.asyncio
async def test_input_reach_the_service_and_the_player_leaves(fake: FakeService) -> None:
    [bot] = await play_frames(fake, 30)
    actions = fake.actions["session-0"]
    assert len(actions) > 5
    assert [action.seq for action in actions] == list(range(1, len(actions) + 1))
    assert len(bot.log.sent_at) >= len(actions)
    assert fake.heartbeat.is_set()
    assert fake.ended == ["session-0"]


@pytest.mark.asyncio
async def test_a_light_player_counts_frames_without_decoding_any(fake: FakeService) -> None:
    full, light = await play_frames(fake, 30, players=2)
    assert full.log.num_decoded > 10
    assert full.log.picture == (64, 48)
    assert light.log.num_decoded == 0
    assert len(light.log.arrivals) > 10
    assert [request["start"] for request in fake.sessions.values()] == [0, 1]


@pytest.mark.asyncio
async def test_a_full_house_is_an_error_of_that_player_only() -> None:
    async with serving(FakeService(max_sessions=1)) as fake:
        logs = [bot.log for bot in await play_frames(fake, 5, players=2)]
    assert sorted(log.errors for log in logs) == [
        ["asking for a session: 429 the line is full"],
        [ENOUGH],
    ]


@pytest.mark.asyncio
async def test_a_session_that_the_service_ends_is_over_at_once(fake: FakeService) -> None:
    started_at = time.monotonic()
    [bot] = await play_frames(fake, 1)
    assert time.monotonic() - started_at < 30
    assert bot.log.errors == [ENOUGH]
    assert bot.log.status == "live"


@pytest.mark.asyncio
async def test_the_time_ends_a_session_without_an_error(fake: FakeService) -> None:
    [bot] = await play(fake, seconds=3)
    assert bot.log.errors == []
    assert fake.ended == ["session-0"]


@pytest.mark.asyncio
async def test_a_player_who_is_sent_to_another_machine_does_not_go(fake: FakeService) -> None:
    fake.whep_host = "http://203.0.113.9"
    [bot] = await play(fake)
    [error] = bot.log.errors
    assert "203.0.113.9" in error and "not on this machine" in error


@pytest.mark.asyncio
async def test_a_service_without_video_leaves_a_player_without_frames() -> None:
    async with serving(FakeService(sends_video=False)) as fake:
        bots = await play(fake, players=2, seconds=1.5)
    for bot in bots:
        [error] = bot.log.errors
        assert error.startswith("no frame came in time")
