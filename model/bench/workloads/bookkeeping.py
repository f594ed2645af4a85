"""What deciding and keeping account cost, in time and in memory: Python alone, with nothing behind
the plans."""

import gc
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from model.cache.frame_store import ContextClip
from model.cache.page_table import Placement
from model.context.sliding_window import SlidingWindow
from model.engine.engine import PassEngine
from model.engine.image import ReadyImage
from model.engine.rules import RequestRules
from model.engine.scheduling.scheduler import Scheduler
from model.engine.speculation import Speculation
from model.engine.types import FrameRequest, PassPlan, PassResult

WINDOW, NUM_STEPS, ACTION_SIZE = 32, 2, 1
SHORT_LENGTH = 7
HOLDS = 6  # frames that a key is held for
STAYS = 100  # frames until the next player leaves and another comes
_NOTHING = ContextClip(
    latents_FChw=torch.empty(0), t_F=torch.empty(0), actions_FA=torch.zeros(1, ACTION_SIZE)
)

_NO_PICTURE = ReadyImage(np.empty((1, 1, 3), np.uint8))


class NullRunner:
    """A `Runner` that draws nothing, in no time."""

    can_shorten_context: ClassVar[bool] = True

    def load(self, slot: int, clip: ContextClip) -> None:
        return

    def run(self, plan: PassPlan) -> PassResult:
        count = len(plan.finished)
        return PassResult(
            images=[_NO_PICTURE] * count,
            are_finite=[True] * count,
            denoise_s=0.0,
            decode_s=0.0,
        )

    def keep_draft(self, placement: Placement, branch: int) -> None:
        return

    def read_context(self, slot: int, pages: Sequence[int]) -> ContextClip:
        return _NOTHING


class House:
    """So many sessions in lockstep, their contexts full."""

    def __init__(
        self, num_sessions: int, window: int = WINDOW, *, max_drafts: int = 1, max_joint: int = 0
    ) -> None:
        """`max_drafts`, `max_joint`: as the scheduler's."""
        self.scheduler = Scheduler(
            SlidingWindow(window - 1),
            max_sessions=num_sessions,
            batch_sizes=range(1, 2 * num_sessions + 1),
            max_drafts=max_drafts,
            max_joint=max_joint,
        )
        rules = RequestRules(action_size=ACTION_SIZE, num_steps=(NUM_STEPS,), num_newest=window - 1)
        self._engine = PassEngine(self.scheduler, NullRunner(), rules)
        self._frame_idxs = range(window - 1)
        self._names = [str(number) for number in range(num_sessions)]
        for seed, name in enumerate(self._names):
            self._engine.load(name, seed, self._frame_idxs, _NOTHING)
        self.step()

    @property
    def speculation(self) -> Speculation:
        return self._engine.speculation

    def step(self) -> None:
        """One frame for everybody."""
        for name in self._names:
            self._engine.begin(name, FrameRequest(action=(0.0,), num_steps=NUM_STEPS))
        while self.scheduler.has_in_flight:
            self._engine.advance()

    def draft(self, draft_actions: Sequence[float], *, passes: int) -> None:
        """So many passes for the next frame of all who have none already, under each draft
        action."""
        for name in self._names:
            for action in draft_actions if not self.scheduler.session(name).joint else ():
                self._engine.draft(name, FrameRequest(action=(action,), num_steps=NUM_STEPS))
        for _ in range(passes):
            self._engine.advance()

    def step_unevenly(self, number: int) -> None:
        """One frame for everybody, in whose turn some see less, some are drawn with the frame
        after it, and some are hastened after a pass."""
        turns = {name: number + place for place, name in enumerate(self._names)}
        for name, turn in turns.items():
            context_length = SHORT_LENGTH if turn % 5 == 0 else None
            action = (float(turn // HOLDS % 2),)
            request = FrameRequest(
                action=action,
                num_steps=NUM_STEPS,
                context_length=context_length,
                deadline_s=number + turn % 2,
            )
            self._engine.begin(name, request)
            if turn % 4 == 0 and self.scheduler.session(name).in_flight:
                self._engine.draft_jointly(name)
        self._engine.advance()
        for name, turn in turns.items():
            if turn % 7 == 0 and self.scheduler.session(name).in_flight:
                self._engine.shorten_context(name, context_length=SHORT_LENGTH)
        while self.scheduler.has_in_flight:
            self._engine.advance()

    def replace_player(self, number: int) -> None:
        """The one who came first leaves, drafts and all; another comes, under a name of its own."""
        self._engine.close(self._names.pop(0))
        self._names.append(f"guest {number}")
        self._engine.load(self._names[-1], number, self._frame_idxs, _NOTHING)


class Night:
    """A house in which everything happens that may: drafts under two draft_actions, right or wrong,
    finished or not; joint frames; shortened contexts, also in flight; players who come and go."""

    def __init__(self, num_sessions: int) -> None:
        self.house = House(num_sessions, max_drafts=2, max_joint=1)
        self._number = 0

    def step(self) -> None:
        """One frame for everybody."""
        self._number += 1
        if self._number % 2 == 0:
            self.house.draft((0.0, 1.0), passes=self._number // 2 % (NUM_STEPS + 2))
        if self._number % STAYS == 0:
            self.house.replace_player(self._number)
        self.house.step_unevenly(self._number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the process holds after so many frames of each session."""

    frames: int
    blocks: int
    resident_mb: float


def memory_held(frames: int, num_sessions: int = 8) -> Iterator[Held]:
    """A night of so many frames for each session, looked at after each tenth."""
    night = Night(num_sessions)
    for tenth in range(10):
        begun, ended = tenth * frames // 10, (tenth + 1) * frames // 10
        for _ in range(begun, ended):
            night.step()
        gc.collect()
        yield Held(frames=ended, blocks=sys.getallocatedblocks(), resident_mb=_resident_mb())
    night.house.scheduler.check_integrity()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6, 1)


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
