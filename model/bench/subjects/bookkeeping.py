"""What deciding and keeping account cost: Python alone, with nothing behind the plans."""

import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch

from model.cache.frame_store import ContextClip
from model.cache.page_table import Placement
from model.context.sliding_window import SlidingWindow
from model.engine.passes import Passes
from model.engine.picture import Still
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import PassPlan, PassResult

WINDOW, NUM_STEPS = 32, 2
_NOTHING = ContextClip(latents_FChw=torch.empty(0), t_F=torch.empty(0), actions_FA=torch.empty(0))

_NO_PICTURE = Still(np.empty((1, 1, 3), np.uint8))


class NullRunner:
    """A `Runner` that draws nothing, in no time."""

    def load(self, slot: int, clip: ContextClip) -> None:
        return

    def run(self, plan: PassPlan) -> PassResult:
        pictures = [_NO_PICTURE] * len(plan.finished)
        return PassResult(pictures=pictures, denoise_s=0.0, decode_s=0.0)

    def keep_draft(self, placement: Placement, branch: int) -> None:
        return

    def read_context(self, slot: int, pages: Sequence[int]) -> ContextClip:
        return _NOTHING


class House:
    """So many sessions in lockstep, their contexts full."""

    def __init__(self, num_sessions: int, window: int = WINDOW) -> None:
        self.scheduler = Scheduler(
            SlidingWindow(window - 1),
            max_sessions=num_sessions,
            batch_sizes=range(1, 2 * num_sessions + 1),
        )
        self._passes = Passes(self.scheduler, NullRunner())
        self._names = [str(number) for number in range(num_sessions)]
        for seed, name in enumerate(self._names):
            self._passes.load(name, seed, range(window - 1), _NOTHING)
        self.step()

    def step(self) -> None:
        """One frame for everybody."""
        for name in self._names:
            self._passes.begin(name, (0.0,), num_steps=NUM_STEPS, deadline_s=0.0)
        while self.scheduler.is_due:
            self._passes.advance(None)


def bookkeeping_ms(num_sessions: int, rounds: int = 5, steps: int = 40) -> float:
    """Milliseconds of one frame for everybody: the median of so many, in the best of some rounds,
    since others who compute can only add to it."""
    house = House(num_sessions)
    return round(min(_median_s(house, steps) for _ in range(rounds)) * 1e3, 3)


def _median_s(house: House, steps: int) -> float:
    seconds = []
    for _ in range(steps):
        started_s = time.perf_counter()
        house.step()
        seconds.append(time.perf_counter() - started_s)
    return statistics.median(seconds)
