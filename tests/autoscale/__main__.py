"""`python -m tests.autoscale [--log]`: 1 to 3 to 1 replicas; writes docs/figures/autoscaling.*.

Five players need three replicas with two slots each. Three players then leave. The other two played
on different replicas, so one player must move. Exit code 1 if a session is lost or the number of
replicas stays. `--log` prints the service's log at the end.
"""

import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from services.backplane.connection import connect
from services.play.child import Child
from services.play.private_redis import PrivateRedis
from tests.autoscale.fake_players import FakePlayers, Sample
from tests.autoscale.plot import plot
from tests.model.conftest import make_world

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
LOOK_S = 0.5
PATIENCE_S = 180.0  # for each phase, on a slow machine
SCALE_IN_AFTER_S = 5.0
SLOTS, PLAYERS = 2, 5


async def main() -> int:
    with tempfile.TemporaryDirectory(prefix="a") as temp:
        folder = Path(temp)
        make_world("consistency").save(folder / "tiny", card="random")
        redis = PrivateRedis(folder)
        service = Child(
            "generation",
            [sys.executable, "-m", "services.generation"],
            log_path=folder / "generation.log",
            env=os.environ | environment(redis.url, folder / "tiny"),
        )
        try:
            async with connect(redis.url) as client:
                players = FakePlayers(client, world="tiny")
                has_followed = await run(players)
        finally:
            service.finish()
            redis.close()
            if "--log" in sys.argv:
                print((folder / "generation.log").read_text())
    report = {
        "schema": "nextframe-autoscaling",
        "version": 1,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "slots_per_replica": SLOTS,
        "has_followed": has_followed,
        "lost": max(sample.lost for sample in players.samples),
    } | players.report()
    FIGURES.mkdir(exist_ok=True)
    (FIGURES / "autoscaling.json").write_text(json.dumps(report, indent=1) + "\n")
    (FIGURES / "autoscaling.svg").write_text(plot(players.samples))
    print({name: value for name, value in report.items() if name != "samples"})
    return 0 if has_followed and not report["lost"] else 1


def environment(redis_url: str, world: Path) -> dict[str, str]:
    settings = {
        "WORLD": str(world),
        "OPS_PORT": "0",
        "SLOTS": str(SLOTS),
        "THREADS": "1",
        "NUM_CPUS": "0.1",
        "ABSENT_S": "300",
        "MAX_REPLICAS": "3",
        "WARM_SLOTS": "0",
        "SCALE_OUT_AFTER_S": "0",
        "SCALE_IN_AFTER_S": str(SCALE_IN_AFTER_S),
    }
    ours = {f"NEXTFRAME_GENERATION_{name}": value for name, value in settings.items()}
    return ours | {"NEXTFRAME_REDIS_URL": redis_url}


async def run(players: FakePlayers) -> bool:
    """Returns whether the number of replicas went up and down with the players."""
    await players.join(1)
    if not await becomes(players, lambda now: now.live == 1 and now.replicas == 1):
        return False
    await players.join(PLAYERS - 1)
    if not await becomes(players, lambda now: now.live == PLAYERS and now.replicas == 3):
        return False
    await pass_time(players, 10.0)
    staying = players.on_distinct_replicas()[:2]
    await players.leave([name for name in players.records if name not in staying])
    has_followed = await becomes(players, lambda now: now.live == 2 and now.replicas == 1)
    await pass_time(players, 10.0)
    return has_followed and players.samples[-1].live == 2


async def becomes(players: FakePlayers, holds: Callable[[Sample], bool]) -> bool:
    ends_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_s:
        if holds(await players.look()):
            return True
        await asyncio.sleep(LOOK_S)
    return False


async def pass_time(players: FakePlayers, seconds: float) -> None:
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        await players.look()
        await asyncio.sleep(LOOK_S)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
