"""Many players on one engine: late frames, and the reductions that prevent late frames."""

import pytest

from model.engine.types import PassPlan
from tests.services.generation.load_simulator import (
    BUSY,
    CALM,
    EVEN,
    LEVELS,
    NUM_PLAYERS,
    SHARED,
    LoadSimulator,
    MeasuredMachine,
)
from tests.services.generation.loop_kit import PERIOD_S, SPEC

measured_machines = pytest.mark.parametrize("measured", [CALM, BUSY], ids=["calm", "busy"])


@pytest.mark.parametrize(("load", "level"), [(0.9, 0), (0.96, 1)])
def test_on_a_machine_without_ups_and_downs_no_frame_is_late(load: float, level: int) -> None:
    simulator = LoadSimulator(load, EVEN)
    assert simulator.live(30) < 0.001
    assert simulator.quality.level.number == level


@measured_machines
def test_at_90_percent_load_hardly_a_frame_is_late(measured: MeasuredMachine) -> None:
    simulator = LoadSimulator(0.9, measured)
    assert simulator.live(60) < 0.01
    assert simulator.quality.level.number == 0


@measured_machines
def test_only_late_frames_are_shortened(measured: MeasuredMachine) -> None:
    simulator = LoadSimulator(0.8, measured)
    simulator.live(10)
    assert simulator.shortened < 0.02
    simulator.machine.load = 1.6  # for three frames
    simulator.live(3 * PERIOD_S)
    simulator.machine.load = 0.8
    simulator.live(2)
    assert simulator.live(10) == 0.0
    assert simulator.shortened < 0.02
    assert simulator.quality.level.number == 0


def test_at_full_load_drafts_that_are_allowed_change_nothing() -> None:
    """As many frames, as late, as with speculation off."""
    outcomes = []
    for speculation in ("exact", "off"):
        simulator = LoadSimulator(0.95, BUSY, speculation=speculation)
        simulator.live(5)
        num_before = len(simulator.events.frames)
        outcomes.append((simulator.live(60), len(simulator.events.frames) - num_before))
    (late, num_frames), (plain_late, num_plain) = outcomes
    assert abs(late - plain_late) < 0.002
    assert abs(num_frames - num_plain) <= 2 * NUM_PLAYERS


@pytest.mark.parametrize(
    ("measured", "load"),
    [(BUSY, 0.95), (SHARED, 0.9), (SHARED, 0.95)],
    ids=["busy-95", "shared-90", "shared-95"],
)
def test_shortening_keeps_frames_in_time_that_would_inevitably_be_late(
    measured: MeasuredMachine, load: float
) -> None:
    simulator = LoadSimulator(load, measured)
    assert simulator.live(60) < 0.1 * measured.inevitable(load)
    assert simulator.quality.level.number <= 1


@measured_machines
@pytest.mark.parametrize("load", [0.6, 0.8, 0.95, 1.05, 1.2, 1.35, 1.7, 2.2])
def test_whatever_the_load_frames_are_in_time_once_the_level_has_settled(
    measured: MeasuredMachine, load: float
) -> None:
    simulator = LoadSimulator(0.5, measured)
    simulator.machine.load = load
    simulator.live(5)
    assert simulator.live(60) < 0.025
    simulator.changes.clear()
    simulator.live(60)
    assert simulator.changes == []


@measured_machines
def test_at_150_percent_the_level_settles_within_two_seconds(measured: MeasuredMachine) -> None:
    simulator = LoadSimulator(0.5, measured)
    simulator.live(5)
    assert simulator.quality.level == LEVELS[0]
    simulator.machine.load = 1.5
    began = simulator.clock.now
    simulator.live(60)
    assert all(at - began < 2.0 for at, _ in simulator.changes)
    numbers = [number for _, number in simulator.changes]
    assert numbers == sorted(numbers)
    assert simulator.live(30) < 0.01


@measured_machines
def test_back_at_50_percent_everything_is_back_within_five_seconds(
    measured: MeasuredMachine,
) -> None:
    simulator = LoadSimulator(1.5, measured)
    simulator.live(20)
    assert simulator.quality.level.number > 0
    simulator.machine.load = 0.5
    simulator.live(5)
    assert simulator.quality.level == LEVELS[0]


def test_the_memory_is_what_frames_give_up_first_and_get_back() -> None:
    """Full quality takes slightly too long, so frames get a third of the context; where a shorter
    context saves nothing, denoise steps are dropped too."""
    simulator = LoadSimulator(load=1.05)
    simulator.live(10)
    assert 1 <= simulator.quality.level.number <= 2
    seen: set[tuple[int, int]] = set()  # pages that a frame saw, and that were kept for it

    def note(plan: PassPlan) -> float:
        seen.update((sum(map(len, p.seen)), p.num_pages) for p in plan.placements)
        return simulator.machine.cost_of(plan)

    simulator.cost_of = note
    simulator.live(2)
    whole = SPEC.nfd.window
    assert seen == {(whole // 3, whole)}
    simulator.machine.load = 0.5
    simulator.live(5)
    seen.clear()
    simulator.live(2)
    assert seen == {(whole, whole)}


def test_under_full_load_nothing_is_drafted() -> None:
    simulator = LoadSimulator(load=0.95)
    simulator.live(10)
    assert not simulator.quality.level.drafts
    plans: list[PassPlan] = []

    def note(plan: PassPlan) -> float:
        plans.append(plan)
        return simulator.machine.cost_of(plan)

    simulator.cost_of = note
    simulator.live(10)
    assert plans
    assert not any(row.is_draft for plan in plans for row in plan.drawn)


def test_drafts_alone_are_no_overload() -> None:
    """Drafts take spare time only."""
    simulator = LoadSimulator(load=0.6)
    simulator.live(30)
    assert simulator.changes == []
    assert any(generated.frame.is_speculative for generated in simulator.events.frames[-50:])


@pytest.mark.parametrize("load", [0.5, 1.5, 3.0])
def test_everybody_gets_the_same_rate(load: float) -> None:
    simulator = LoadSimulator(load)
    simulator.live(5)
    before = {s: len(times) for s, times in simulator.events.shown_at.items()}
    simulator.live(20)
    counts = [len(times) - before[s] for s, times in simulator.events.shown_at.items()]
    assert max(counts) - min(counts) <= 0.03 * max(counts) + 1
