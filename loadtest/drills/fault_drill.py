"""One fault under play: players play, something breaks, players play on."""

import asyncio
import os
import time
from dataclasses import dataclass
from itertools import pairwise

from loadtest.drills.faults import Fault
from loadtest.drills.plan import DrillPlan
from loadtest.drills.players import Crowd, playing
from loadtest.drills.service_processes import find_service_processes, redis_figures
from loadtest.player_log import PlayerLog

SETTLE_S = 3.0
RECOVERY_TIMEOUT_S = 90.0
POLL_S = 0.1
MANY_FRAMES = 20  # after the fault: the player plays on


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFigures:
    """One player. `longest_gap_s`: without a frame, from the fault on. `lost_frames`: the frames of
    that time at the pace before the fault. `notices`: what the services said on `control`."""

    player: int
    fps_before: float
    longest_gap_s: float
    lost_frames: int
    plays_on: bool
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFindings:
    """`redis_keys`: before the fault and at the end."""

    seconds: float
    players: tuple[FaultFigures, ...]
    redis_keys: tuple[int, int]


async def run(page_url: str, plan: DrillPlan, fault: Fault) -> FaultFindings:
    """Raises NoServicesError or RefusedError if there is nothing to break or nobody plays."""
    services = find_service_processes(os.getpid())
    async with playing(page_url, plan) as crowd:
        await crowd.until_playing()
        await asyncio.sleep(SETTLE_S)
        keys_before = redis_figures(services.redis_socket)["keys"]
        print(f"{fault.name}: {fault.what}", flush=True)
        broken_at = time.monotonic()
        await fault.break_it(services, crowd.world)
        await _recovery(crowd)
        await asyncio.sleep(plan.seconds)
        now = time.monotonic()
        figures = tuple(_figures(log, broken_at, now) for log in crowd.logs)
        keys_after = redis_figures(services.redis_socket)["keys"]
    return FaultFindings(
        seconds=now - broken_at, players=figures, redis_keys=(keys_before, keys_after)
    )


async def _recovery(crowd: Crowd) -> None:
    """Until every player has frames again, has lost the session, or RECOVERY_TIMEOUT_S are over."""
    mended_at = time.monotonic()
    while time.monotonic() < mended_at + RECOVERY_TIMEOUT_S:
        if all(log.left_at or _num_since(log, mended_at) >= MANY_FRAMES for log in crowd.logs):
            return
        await asyncio.sleep(POLL_S)


def _num_since(log: PlayerLog, since: float) -> int:
    return sum(arrival.at >= since for arrival in log.arrivals.values())


def _figures(log: PlayerLog, broken_at: float, now: float) -> FaultFigures:
    times = sorted(arrival.at for arrival in log.arrivals.values())
    before = [at for at in times if at < broken_at]
    after = [at for at in times if at >= broken_at]
    fps = (len(before) - 1) / (before[-1] - before[0])
    points = [before[-1], *after, now]
    gap_s = max(later - at for at, later in pairwise(points))
    return FaultFigures(
        player=log.player,
        fps_before=fps,
        longest_gap_s=gap_s,
        lost_frames=max(0, round(gap_s * fps) - 1),
        plays_on=log.left_at is None and bool(after) and now - after[-1] < 1.0,
        notices=tuple(log.errors),
    )
