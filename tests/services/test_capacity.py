"""Slots from a measured curve: never more than fit, never outside the bounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wire.capacity import FULL_LOAD, CapacityCurve

SECONDS = st.floats(0.0005, 2.0)


@st.composite
def curves(draw: st.DrawFn) -> CapacityCurve:
    numbers = draw(st.lists(st.integers(1, 64), min_size=1, max_size=8, unique=True))
    ticks = [(number, draw(SECONDS)) for number in sorted(numbers)]
    return CapacityCurve(period_s=draw(SECONDS), ticks_s=tuple(ticks))


@given(curves(), st.integers(1, 64), st.integers(1, 64))
def test_slots_keep_within_their_bounds(curve: CapacityCurve, one: int, other: int) -> None:
    low, high = min(one, other), max(one, other)
    assert low <= curve.slots(at_least=low, at_most=high) <= high


@given(curves(), st.integers(1, 64))
def test_a_tick_of_all_slots_fits_a_period_and_one_more_would_not(
    curve: CapacityCurve, at_most: int
) -> None:
    slots = curve.slots(at_least=1, at_most=at_most)
    largest = curve.ticks_s[-1][0]
    if slots > 1:
        assert curve.tick_s(slots) <= FULL_LOAD * curve.period_s
        assert slots <= largest
    if slots < min(at_most, largest):
        assert curve.tick_s(slots + 1) > FULL_LOAD * curve.period_s


@given(curves(), st.floats(1.0, 20.0))
def test_a_slower_machine_has_no_more_slots(curve: CapacityCurve, factor: float) -> None:
    slower = CapacityCurve(
        period_s=curve.period_s,
        ticks_s=tuple((number, seconds * factor) for number, seconds in curve.ticks_s),
    )
    assert slower.slots(at_least=1, at_most=64) <= curve.slots(at_least=1, at_most=64)


@given(curves(), st.integers(1, 200))
def test_more_sessions_never_take_less_time(curve: CapacityCurve, number: int) -> None:
    assert curve.tick_s(number) <= curve.tick_s(number + 1) * (1 + 1e-12)


@given(curves())
def test_a_curve_comes_back_from_its_text(curve: CapacityCurve) -> None:
    again = CapacityCurve.from_json(curve.to_json())
    assert math.isclose(again.period_s, curve.period_s, abs_tol=1e-6)
    assert [number for number, _ in again.ticks_s] == [number for number, _ in curve.ticks_s]
    for (_, one), (_, other) in zip(again.ticks_s, curve.ticks_s, strict=True):
        assert math.isclose(one, other, abs_tol=1e-6)


def test_between_two_measured_numbers_lies_a_straight_line() -> None:
    curve = CapacityCurve(period_s=0.1, ticks_s=((1, 0.01), (4, 0.04), (8, 0.12)))
    assert curve.tick_s(2) == pytest.approx(0.02)
    assert curve.tick_s(6) == pytest.approx(0.08)
    assert curve.tick_s(16) == pytest.approx(0.24)
    assert curve.slots(at_least=1, at_most=16) == 6


def test_without_a_measurement_there_are_the_slots_of_the_lower_bound() -> None:
    curve = CapacityCurve(period_s=0.1)
    assert curve.slots(at_least=3, at_most=9) == 3
    with pytest.raises(ValueError, match="no tick"):
        curve.tick_s(1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"period_ms": 5, "ticks_ms": 1}',
        '{"period_ms": 5, "ticks_ms": {"a": 1}}',
        '{"period_ms": 0, "ticks_ms": {}}',
        '{"period_ms": 5, "ticks_ms": {"0": 1}}',
        '{"period_ms": 5, "ticks_ms": {"1": NaN}}',
        '{"period_ms": 5, "ticks_ms": {"1": null}}',
    ],
)
def test_what_is_no_curve_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        CapacityCurve.from_json(text)
