"""The measurement at warm-up: which numbers of sessions are tried, and when it ends."""

import pytest

from model.engine.types import PassPlan
from services.generation.frames.tick_times import BUDGET_S, measure_ticks, sizes
from services.wire.capacity import CapacityCurve
from tests.fakes import FakeClock, FakeEngine, make_spec


def measure(engine: FakeEngine, clock: FakeClock, *, at_most: int = 16) -> CapacityCurve:
    return measure_ticks(
        engine,
        at_most=at_most,
        period_s=0.05,
        num_steps=2,
        context_length=7,
        still=(0.0,),
        clock=clock,
    )


def engine_with(clock: FakeClock, *, pass_s: float, row_s: float) -> FakeEngine:
    def take_time(plan: PassPlan) -> None:
        clock.advance(pass_s + row_s * plan.num_rows)

    return FakeEngine(make_spec(), before_pass=take_time)


def test_ticks_are_measured_at_every_size_and_nothing_is_left() -> None:
    clock = FakeClock()
    engine = engine_with(clock, pass_s=0.001, row_s=0.0001)
    curve = measure(engine, clock, at_most=6)
    assert [number for number, _ in curve.ticks_s] == [1, 2, 4, 6]
    seconds = [s for _, s in curve.ticks_s]
    assert seconds == sorted(set(seconds)) and 0.002 <= seconds[0] <= 0.005
    assert engine.sessions == {} and set(engine.ways) == {(2, 7)}


def test_a_machine_that_is_full_is_not_asked_for_more() -> None:
    clock = FakeClock()
    curve = measure(engine_with(clock, pass_s=0.02, row_s=0.005), clock)
    *fitting, (_, last_s) = curve.ticks_s
    assert last_s > 0.1 and all(seconds <= 0.1 for _, seconds in fitting)


def test_the_measurement_keeps_to_its_budget() -> None:
    clock = FakeClock()
    engine = engine_with(clock, pass_s=0.03, row_s=0.0)
    engine.opening = tuple(range(7))  # opening takes longer than ticks
    started_s = clock()
    measure(engine, clock, at_most=64)
    assert clock() - started_s <= BUDGET_S


def test_a_measurement_that_fails_leaves_nothing() -> None:
    engine = FakeEngine(make_spec())
    engine.failing = {"tick-1"}
    with pytest.raises(RuntimeError):
        measure(engine, FakeClock())
    assert engine.sessions == {}


def test_sizes_double_and_end_at_the_most() -> None:
    assert [list(sizes(most)) for most in (1, 2, 5, 8)] == [[1], [1, 2], [1, 2, 4, 5], [1, 2, 4, 8]]
