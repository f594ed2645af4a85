"""Load simulator: players on one engine, with a fake clock and the measured costs of passes.

`python -m model.bench costs` measured the costs of a pass of the shipped world by rows and frames,
and the variation between passes: on an idle machine, on a busy machine, and over 1,000 passes of a
shared machine. The costs are scaled to a chosen speed; proportions and variation stay.

    python -m tests.services.generation.load_simulator     # late frames by load → Markdown
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from statistics import fmean

from model.bench.pass_costs import PassCosts, num_pages_seen
from model.engine.types import PassPlan
from services.wire.action import Action
from tests.services.generation.loop_kit import PERIOD_S, SPEC, LoopBench, levels_of

LEVELS = levels_of()
NUM_PLAYERS = 6


@dataclass(frozen=True)
class MeasuredMachine:
    """The cost of one frame for all players at full quality: two steps, with the previous frames
    cached in the first pass."""

    costs: PassCosts

    @property
    def passes_s(self) -> tuple[float, float]:
        pages = NUM_PLAYERS * SPEC.nfd.window
        first_s = self.costs.seconds(
            cached=NUM_PLAYERS, drawn=NUM_PLAYERS, pages=2 * pages, pictures=0
        )
        last_s = self.costs.seconds(cached=0, drawn=NUM_PLAYERS, pages=pages, pictures=NUM_PLAYERS)
        return first_s, last_s

    @property
    def round_s(self) -> float:
        """On average."""
        return fmean(self.costs.jitter) * sum(self.passes_s)

    def inevitable(self, load: float) -> float:
        """Share of frames inevitably late at full quality: two passes for all players, started on
        the tick, or right after a late frame."""
        jitter = iter(10 * self.costs.jitter)
        first_s, last_s = self.passes_s
        behind, is_late = 0.0, []
        for one, other in zip(jitter, jitter, strict=False):
            spent_s = first_s * one + last_s * other
            behind = max(0.0, behind + load * spent_s / self.round_s - 1.0)
            is_late.append(behind > 0.0)
        return fmean(is_late)


def _measured(name: str) -> MeasuredMachine:
    file = Path(__file__).parent / "pass_costs" / f"{name}.json"
    return MeasuredMachine(PassCosts(**json.loads(file.read_text())["costs"]))


CALM, BUSY, SHARED = (_measured(name) for name in ("calm", "busy", "shared"))
EVEN = MeasuredMachine(replace(CALM.costs, jitter=(1.0,)))


class Machine:
    """A machine on which the full quality of all players takes this share of the time, on
    average."""

    def __init__(self, measured: MeasuredMachine, load: float) -> None:
        self.load = load
        self._measured = measured
        self._jitter = cycle(measured.costs.jitter)

    def cost_of(self, plan: PassPlan) -> float:
        seconds = self._measured.costs.seconds(
            cached=len(plan.cached),
            drawn=len(plan.drawn),
            pages=num_pages_seen(plan),
            pictures=len(plan.finished),
        )
        return next(self._jitter) * seconds * self.load * PERIOD_S / self._measured.round_s


class LoadSimulator(LoopBench):
    """Players who arrive one after the other and change their keys now and then."""

    def __init__(
        self, load: float, measured: MeasuredMachine = CALM, *, speculation: str = "exact"
    ) -> None:
        self.machine = Machine(measured, load)
        super().__init__(self.machine.cost_of, speculation=speculation)
        self.changes: list[tuple[float, int]] = []  # (time, index of the new level)
        self.machine.load = 0.1
        for number in range(NUM_PLAYERS):
            self.open(f"p{number}")
            self.play(0.3 * PERIOD_S)
        self.machine.load = load
        self._seq = 0
        self.shortened = 0.0  # share of the frames of the last `live`

    def live(self, seconds: float) -> float:
        """Returns the share of requested frames that were late."""
        num_shown, num_late = len(self.events.frames), self.num_late
        num_shortened = self.engine.num_shortened
        ends = self.clock.now + seconds
        while self.clock.now < ends:
            self._seq += 1
            player = f"p{self._seq % NUM_PLAYERS}"
            self.act(player, Action(held=self._seq // 40 % 2, seq=self._seq))
            before = self.quality.level
            self.step()
            if self.quality.level is not before:
                self.changes.append((self.clock.now, LEVELS.index(self.quality.level)))
        num_frames = len(self.events.frames) - num_shown
        self.shortened = (self.engine.num_shortened - num_shortened) / num_frames
        return (self.num_late - num_late) / num_frames

    def take_load(self, load: float) -> float:
        """Applies the load from now on; returns the current time."""
        self.machine.load = load
        self.changes.clear()
        return self.clock.now

    def moved(self, began: float) -> float:
        """Seconds from `began` to the last change of level; 0 without a change."""
        return self.changes[-1][0] - began if self.changes else 0.0


LOADS = (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 1.7, 2.0, 2.5)
SETTLING_S = 2.0


def table() -> Iterator[str]:
    """Lines of Markdown: the load goes from 50 % of the machine's time to the load of the line, for
    a minute, and back. Late frames are counted after SETTLING_S."""
    yield "| load | machine | late | inevitable | shortened | level | settled after | back after |"
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for load in LOADS:
        for name, measured in (("calm", CALM), ("busy", BUSY), ("shared", SHARED)):
            simulator = LoadSimulator(0.5, measured)
            simulator.live(5)
            began = simulator.take_load(load)
            simulator.live(SETTLING_S)
            late, level, settled_s = (
                simulator.live(60),
                simulator.quality.level.number,
                simulator.moved(began),
            )
            shortened = simulator.shortened
            began = simulator.take_load(0.5)
            simulator.live(10)
            yield (
                f"| {load:.0%} | {name} | {late:.1%} | {measured.inevitable(load):.1%} "
                f"| {shortened:.0%} | {level} | {settled_s:.1f} s "
                f"| {simulator.moved(began):.1f} s |"
            )


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
