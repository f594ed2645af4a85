"""How many players a device holds: the real engine against a clock, with more and more sessions,
until a percent of the frames miss their deadlines."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from model.bench.workloads.worlds import random_world
from model.context.sink_window import SinkWindow
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.fast import runner_of
from model.fast.jobs.forms import paths_on
from model.fast.jobs.results_file import ResultsFile
from model.precision import as_served_on
from model.world import World

FPS, SECONDS = 30.0, 10.0
PLAYERS = (1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48)
MOST_MISSES = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of a game: frames shown, frames shown late, frame times without a frame."""

    shown: int
    late: int
    skipped: int

    @property
    def miss_share(self) -> float:
        wanted = self.shown + self.skipped
        return (self.late + self.skipped) / wanted if wanted else 0.0


def measure(results: ResultsFile, preset: str, device: torch.device) -> None:
    """The curve up to the first number of players beyond capacity."""
    world = as_served_on(device, random_world(preset))
    for num_players in PLAYERS:
        key = f"{preset}, 2 steps, {num_players} players"
        results.fill(key, partial(_game, world, num_players, device))
        if results.cells.get(key, {}).get("miss_share", 1.0) > MOST_MISSES:
            break


def _game(world: World, num_players: int, device: torch.device) -> Mapping[str, Any]:
    policy = SinkWindow(num_sinks=1, window=max(1, world.spec.nfd.window // 4))
    engine = WorldEngine(
        world,
        max_sessions=num_players,
        device=str(device),
        policy=policy,
        make_runner=runner_of(paths_on(device)),
    )
    for seed in range(num_players):
        engine.open(str(seed), seed=seed)
    engine.step(dict.fromkeys(engine.session_ids, _still(engine)))
    score = play(engine, fps=FPS, seconds=SECONDS)
    return asdict(score) | {"miss_share": round(score.miss_share, 4)}


def play(
    engine: WorldEngine,
    *,
    fps: float,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Score:
    """Every session requests a frame each period, at times spread evenly over the period. A frame
    is late if unfinished a period after the request; frame times that pass meanwhile are
    skipped."""
    names, period_s = engine.session_ids, 1 / fps
    started_s = clock()
    due_s = {name: started_s + i * period_s / len(names) for i, name in enumerate(names)}
    drawing: dict[str, float] = {}  # to its deadline
    shown = late = skipped = 0
    while (now_s := clock()) < started_s + seconds:
        for name in names:
            if name not in drawing and due_s[name] <= now_s:
                drawing[name] = due_s[name] + period_s
                engine.begin(name, engine.request(_still(engine), deadline_s=drawing[name]))
        finished = engine.advance()
        if finished is None:
            sleep(max(0.0, min(due_s.values()) - clock()))
            continue
        now_s = clock()
        for frame in finished:
            deadline_s = drawing.pop(frame.session_id)
            shown += 1
            late += now_s > deadline_s
            passed = max(0, int((now_s - deadline_s) / period_s))
            skipped += passed
            due_s[frame.session_id] = deadline_s + passed * period_s
    return Score(shown=shown, late=late, skipped=skipped)


def _still(engine: WorldEngine) -> ActionVector:
    return (0.0,) * engine.world.spec.nfd.action_size
