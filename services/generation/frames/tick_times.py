"""Measures the time of a tick by the number of sessions, on a warm engine without players.

The frames are those of full quality but for the context, which is the shortest allowed: the level
that a full replica serves (`quality_levels.py`). Decides nothing: `services.wire.capacity` says how
many sessions fit.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median

from services.generation.frames.ports import Engine
from services.wire.capacity import CapacityCurve

NUM_TIMED = 3  # ticks for each number of sessions; the median counts
BUDGET_S = 4.0  # a number of sessions that would take longer is not tried


def measure_ticks(
    engine: Engine,
    *,
    at_most: int,
    period_s: float,
    num_steps: int,
    context_length: int | None,
    still: tuple[float, ...],
    clock: Callable[[], float] = time.perf_counter,
) -> CapacityCurve:
    """Fills `engine` with 1, 2, 4, ... up to `at_most` sessions and leaves the engine empty. Ends
    early at a tick longer than two periods, or when the next number would exceed BUDGET_S.
    `still`: the action vector without input."""
    started_s = clock()
    ticks_s: list[tuple[int, float]] = []
    opened: list[str] = []
    try:
        for number in sizes(at_most):
            began_s = clock()
            for slot in range(len(opened), number):
                engine.open(f"tick-{slot}", start=0, seed=slot)
                opened.append(f"tick-{slot}")
            actions = dict.fromkeys(opened, still)
            times_s = [
                _tick_s(engine, actions, num_steps, context_length, clock)
                for _ in range(1 + NUM_TIMED)  # the first meets new shapes
            ]
            ticks_s.append((number, median(times_s[1:])))
            now_s = clock()
            is_over_budget = now_s - started_s + 2 * (now_s - began_s) > BUDGET_S
            if ticks_s[-1][1] > 2 * period_s or is_over_budget:
                break
    finally:
        for session_id in opened:
            engine.close(session_id)
    return CapacityCurve(period_s=period_s, ticks_s=tuple(ticks_s))


def sizes(at_most: int) -> Iterator[int]:
    """Powers of two below `at_most`, and `at_most`."""
    number = 1
    while number < at_most:
        yield number
        number *= 2
    yield at_most


def _tick_s(
    engine: Engine,
    actions: dict[str, tuple[float, ...]],
    num_steps: int,
    context_length: int | None,
    clock: Callable[[], float],
) -> float:
    """Ends when the last image is decoded: a GPU works on after `step`."""
    began_s = clock()
    for frame in engine.step(actions, num_steps=num_steps, context_length=context_length):
        frame.image.rgb()
    return clock() - began_s
