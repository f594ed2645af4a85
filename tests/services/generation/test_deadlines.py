"""Many players on one engine, by a fake clock and what passes cost on a real machine.

Measured, by `python -m model.bench costs` (the files say when, where and how): what a pass of the
shipped world costs by its rows and pictures, and how that varied from pass to pass, on a machine
that had a calm moment and on one that had not. Scaled, so that a machine is as slow as a test wants
it: the whole of it, proportions and ups and downs stay.
"""

import json
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from statistics import fmean

import pytest

from model.bench.pass_costs import PassCosts, num_pages_seen
from model.engine.types import PassPlan
from services.wire.action import Action
from tests.services.generation.loop_kit import PERIOD_S, SPEC, LoopBench, rungs_of

RUNGS = rungs_of()
NUM_PLAYERS = 6


@dataclass(frozen=True)
class Measured:
    """What one frame for everybody takes at full quality: two steps, the frames before remembered
    with the first."""

    costs: PassCosts

    @property
    def passes_s(self) -> tuple[float, float]:
        pages = NUM_PLAYERS * SPEC.nfd.window
        first_s = self.costs.seconds(
            remembered=NUM_PLAYERS, drawn=NUM_PLAYERS, pages=2 * pages, pictures=0
        )
        last_s = self.costs.seconds(
            remembered=0, drawn=NUM_PLAYERS, pages=pages, pictures=NUM_PLAYERS
        )
        return first_s, last_s

    @property
    def round_s(self) -> float:
        """On average."""
        return fmean(self.costs.jitter) * sum(self.passes_s)

    def inevitable(self, load: float) -> float:
        """Share of frames that such a machine has late if all are drawn in full: two passes for
        everybody, begun on the tick or, when the last one is late itself, right after it."""
        jitter = iter(10 * self.costs.jitter)
        first_s, last_s = self.passes_s
        behind, is_late = 0.0, []
        for one, other in zip(jitter, jitter, strict=False):
            spent_s = first_s * one + last_s * other
            behind = max(0.0, behind + load * spent_s / self.round_s - 1.0)
            is_late.append(behind > 0.0)
        return fmean(is_late)


def _measured(name: str) -> Measured:
    file = Path(__file__).parent / "pass_costs" / f"{name}.json"
    return Measured(PassCosts(**json.loads(file.read_text())["costs"]))


CALM, BUSY = _measured("calm"), _measured("busy")
EVEN = Measured(replace(CALM.costs, jitter=(1.0,)))
measured_machines = pytest.mark.parametrize("measured", [CALM, BUSY], ids=["calm", "busy"])


class Machine:
    """As fast as makes the full picture of everybody this share of its time, on average."""

    def __init__(self, measured: Measured, load: float) -> None:
        self.load = load
        self._measured = measured
        self._jitter = cycle(measured.costs.jitter)

    def cost_of(self, plan: PassPlan) -> float:
        seconds = self._measured.costs.seconds(
            remembered=len(plan.remembered),
            drawn=len(plan.drawn),
            pages=num_pages_seen(plan),
            pictures=len(plan.finished),
        )
        return next(self._jitter) * seconds * self.load * PERIOD_S / self._measured.round_s


class House(LoopBench):
    """Players who came one after the other and change what they hold now and then."""

    def __init__(self, load: float, measured: Measured = CALM) -> None:
        self.machine = Machine(measured, load)
        super().__init__(self.machine.cost_of)
        self.rungs: list[tuple[float, int]] = []  # when the rung changed, and to which
        self.machine.load = 0.1
        for number in range(NUM_PLAYERS):
            self.open(f"p{number}")
            self.play(0.3 * PERIOD_S)
        self.machine.load = load
        self._seq = 0

    def live(self, seconds: float) -> float:
        """Share of frames that were due and not there in time."""
        num_shown, num_late = len(self.told.frames), self.num_late
        ends = self.clock.now + seconds
        while self.clock.now < ends:
            self._seq += 1
            player = f"p{self._seq % NUM_PLAYERS}"
            self.act(player, Action(held=self._seq // 40 % 2, seq=self._seq))
            before = self.ladder.rung
            self.turn()
            if self.ladder.rung is not before:
                self.rungs.append((self.clock.now, RUNGS.index(self.ladder.rung)))
        return (self.num_late - num_late) / (len(self.told.frames) - num_shown)


@pytest.mark.parametrize("load", [0.9, 0.96])
def test_on_a_machine_without_ups_and_downs_no_frame_is_late(load: float) -> None:
    house = House(load, EVEN)
    assert house.live(30) < 0.001
    assert house.ladder.rung.level == 0


@measured_machines
def test_at_90_percent_load_hardly_a_frame_is_late(measured: Measured) -> None:
    house = House(0.9, measured)
    assert house.live(60) < 0.01
    assert house.ladder.rung.level == 0


@measured_machines
def test_haste_keeps_frames_in_time_that_would_inevitably_be_late(measured: Measured) -> None:
    house = House(0.95, measured)
    assert house.live(60) < 0.01 < 0.05 < measured.inevitable(0.95)
    assert house.ladder.rung.level == 0


@measured_machines
@pytest.mark.parametrize("load", [0.6, 0.8, 0.95, 1.05, 1.2, 1.35, 1.7, 2.2])
def test_whatever_the_load_frames_are_in_time_once_the_ladder_has_settled(
    measured: Measured, load: float
) -> None:
    house = House(0.5, measured)
    house.machine.load = load
    house.live(5)
    assert house.live(60) < 0.025
    house.rungs.clear()
    house.live(60)
    assert house.rungs == []


@measured_machines
def test_at_150_percent_the_ladder_settles_within_two_seconds(measured: Measured) -> None:
    house = House(0.5, measured)
    house.live(5)
    assert house.ladder.rung == RUNGS[0]
    house.machine.load = 1.5
    began = house.clock.now
    house.live(60)
    assert all(at - began < 2.0 for at, _ in house.rungs)
    numbers = [number for _, number in house.rungs]
    assert numbers == sorted(numbers)
    assert house.live(30) < 0.01


@measured_machines
def test_back_at_50_percent_everything_is_back_within_five_seconds(measured: Measured) -> None:
    house = House(1.5, measured)
    house.live(20)
    assert house.ladder.rung.level > 0
    house.machine.load = 0.5
    house.live(5)
    assert house.ladder.rung == RUNGS[0]


def test_the_memory_is_what_frames_give_up_first_and_get_back() -> None:
    """Full quality takes a little too long, and a third of the memory is soon all that is seen;
    where that costs no less, denoise steps go, too."""
    house = House(load=1.05)
    house.live(10)
    assert 1 <= house.ladder.rung.level <= 2
    seen: set[tuple[int, int]] = set()  # pages that a frame saw, and that were kept for it

    def note(plan: PassPlan) -> float:
        seen.update((sum(map(len, p.seen)), p.num_pages) for p in plan.placements)
        return house.machine.cost_of(plan)

    house.cost_of = note
    house.live(2)
    whole = SPEC.nfd.window
    assert seen == {(whole // 3, whole)}
    house.machine.load = 0.5
    house.live(5)
    seen.clear()
    house.live(2)
    assert seen == {(whole, whole)}


def test_under_full_load_nothing_is_drafted() -> None:
    house = House(load=0.95)
    house.live(10)
    assert not house.ladder.rung.speculates
    plans: list[PassPlan] = []

    def note(plan: PassPlan) -> float:
        plans.append(plan)
        return house.machine.cost_of(plan)

    house.cost_of = note
    house.live(10)
    assert plans
    assert not any(row.is_draft for plan in plans for row in plan.drawn)


def test_drafts_alone_are_no_overload() -> None:
    """They take what time is left, and no more."""
    house = House(load=0.6)
    house.live(30)
    assert house.rungs == []
    assert any(dreamt.frame.is_speculative for dreamt in house.told.frames[-50:])


@pytest.mark.parametrize("load", [0.5, 1.5, 3.0])
def test_everybody_gets_the_same_rate(load: float) -> None:
    house = House(load)
    house.live(5)
    before = {s: len(times) for s, times in house.told.shown_at.items()}
    house.live(20)
    counts = [len(times) - before[s] for s, times in house.told.shown_at.items()]
    assert max(counts) - min(counts) <= 0.03 * max(counts) + 1
