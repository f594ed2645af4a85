"""Deciding costs little, grows with the players and keeps nothing of what was. No clock here: what
counts is calls and blocks of memory."""

import gc
import sys
from types import FrameType

from model.bench.subjects.bookkeeping import House


def calls_of_a_step(num_sessions: int) -> int:
    """Python functions entered, comprehensions among them, by one frame for everybody."""
    house = House(num_sessions)
    num_calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal num_calls
        num_calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        house.step()
    finally:
        sys.setprofile(before)
    return num_calls


def test_work_grows_with_the_number_of_sessions_and_no_faster() -> None:
    few, many = calls_of_a_step(16), calls_of_a_step(64)
    assert 3 * few < many < 4.1 * few
    assert many < 64 * 60


def test_a_long_night_leaves_nothing_behind() -> None:
    """A million frames for everybody leave as little: what leaks shows at once, in blocks."""
    house = House(4)
    held = []
    for _ in range(3):
        for _ in range(500):
            house.step()
        gc.collect()
        held.append(sys.getallocatedblocks())
    assert held[2] - held[1] < 50  # 500 frames of 4 sessions
    house.scheduler.check_integrity()
