"""Honest players beside an attack: bots with an own address each."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from loadtest.bot import Bot
from loadtest.drills.plan import DrillPlan
from loadtest.drills.report import PhasePace
from loadtest.drills.service_processes import NoServicesError
from loadtest.figures import pace
from loadtest.player_log import PlayerLog
from loadtest.public_api import ListedWorld, PlayerSession, PublicApi
from loadtest.rtc_hooks import gather_from, gather_loopback_only
from loadtest.scenario import Scenario

PLAY_S = 3600.0  # longer than any drill; its end is ours to say
FIRST_FRAME_TIMEOUT_S = 120.0
MANY_FRAMES = 20
POLL_S = 0.1


class PortsNotedApi(PublicApi):
    """Records the UDP port of ingest for each WebRTC connection."""

    def __init__(self, page_url: str, *, local_address: str) -> None:
        super().__init__(page_url, allow_remote=False, local_address=local_address)
        self.ports: list[tuple[str, int]] = []

    async def offer(self, session: PlayerSession, sdp: str) -> tuple[str, str]:
        answer, peer_url = await super().offer(session, sdp)
        self.ports += loopback_ports(answer)
        return answer, peer_url


def loopback_ports(answer: str) -> list[tuple[str, int]]:
    """Returns (address, UDP port) of the candidates in an SDP answer (RFC 8839, section 5.1)."""
    lines = [line.split() for line in answer.splitlines() if line.startswith("a=candidate:")]
    found = {(words[4], int(words[5])) for words in lines if words[2].lower() == "udp"}
    return sorted(place for place in found if place[0].startswith("127."))


class Crowd:
    """All players of one drill, in one world. `period_s`: frame period of the world."""

    def __init__(self, bots: list[Bot], apis: list[PortsNotedApi], world: ListedWorld) -> None:
        self.logs = [bot.log for bot in bots]
        self.world = world.name
        self.period_s = 1 / world.fps
        self._apis = apis

    @property
    def ports(self) -> tuple[tuple[str, int], ...]:
        return tuple(port for api in self._apis for port in api.ports)

    async def until_playing(self) -> None:
        """Raises NoServicesError if a player gets no frame."""
        ends_at = time.monotonic() + FIRST_FRAME_TIMEOUT_S
        while any(len(log.arrivals) < MANY_FRAMES for log in self.logs):
            for log in self.logs:
                if log.errors or time.monotonic() > ends_at:
                    why = "; ".join(log.errors) or f"{len(log.arrivals)} frames in time"
                    raise NoServicesError(f"player {log.player} does not play: {why}")
            await asyncio.sleep(POLL_S)


def phase_pace(log: PlayerLog, *, period_s: float, began: float, ended: float) -> PhasePace:
    """Returns frame rate, share of late frames and longest gap between two times. Without frames,
    the whole interval is one gap."""
    arrivals = sorted(one.at for one in log.arrivals.values() if began <= one.at < ended)
    found = pace([began, *arrivals], left_at=ended, period_s=period_s)
    if found is None:
        return PhasePace(fps=0.0, late_share=1.0, longest_gap_ms=1000 * (ended - began))
    return PhasePace(
        fps=found.fps, late_share=found.late_share, longest_gap_ms=found.longest_gap_ms
    )


@asynccontextmanager
async def playing(page_url: str, plan: DrillPlan) -> AsyncIterator[Crowd]:
    """Runs the players until the context ends. Raises NoServicesError or RefusedError."""
    gather_loopback_only()
    async with AsyncExitStack() as undo:
        apis = []
        for player in range(plan.players):
            apis.append(PortsNotedApi(page_url, local_address=plan.address(player)))
            undo.push_async_callback(apis[-1].close)
            await apis[-1].open_page()
        worlds = await apis[0].worlds()
        if not worlds:
            raise NoServicesError("no world is on offer")
        bots = _bots(plan, worlds[0], apis)
        tasks = [
            asyncio.create_task(_play(bot, plan.address(player))) for player, bot in enumerate(bots)
        ]
        undo.push_async_callback(_end, tasks)
        yield Crowd(bots, apis, worlds[0])


def _bots(plan: DrillPlan, world: ListedWorld, apis: list[PortsNotedApi]) -> list[Bot]:
    scenario = Scenario(users=plan.players, seconds=600, full_every=0)
    return [
        Bot(player=player, scenario=scenario, world=world, api=api)
        for player, api in enumerate(apis)
    ]


async def _play(bot: Bot, address: str) -> None:
    gather_from(address)  # of this task
    await bot.play(until=time.monotonic() + PLAY_S)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
