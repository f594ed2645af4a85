"""Deciding costs little, grows with the players and keeps nothing of what was. No clock here: what
counts is calls and blocks of RAM."""

import gc
import sys
from collections import defaultdict
from types import FrameType

import pytest

from model.bench.workloads.bookkeeping import SHORT_LENGTH, House, Night, NullRunner, memory_held
from model.engine.types import PassPlan, PassResult


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


def test_nor_does_one_with_drafts_shortened_contexts_and_guests() -> None:
    held = list(memory_held(5000, num_sessions=4))
    assert [row.frames for row in held] == list(range(500, 5001, 500))
    assert held[-1].blocks - held[3].blocks < 50  # 3000 frames of 4 sessions, 30 of whom left


def test_in_such_a_night_every_kind_of_frame_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: dict[tuple[str, int], list[int | None]] = defaultdict(list)

    def run(runner: NullRunner, plan: PassPlan) -> PassResult:
        for row in plan.drawn:
            if not row.is_draft:
                lengths[row.session_id, row.placement.frame_idx].append(row.request.context_length)
        return run_nothing(runner, plan)

    run_nothing = NullRunner.run
    monkeypatch.setattr(NullRunner, "run", run)
    night = Night(4)
    for _ in range(500):
        night.step()
        night.house.scheduler.check_integrity()
    for counts in (night.house.speculation.exact, night.house.speculation.joint):
        assert min(counts.accepted, counts.discarded) > 50
    seen = [tuple(steps) for steps in lengths.values()]
    for kind in ((None, None), (SHORT_LENGTH, SHORT_LENGTH), (None, SHORT_LENGTH)):
        assert seen.count(kind) > 50  # long, short, shortened in flight
    assert night.house.scheduler.session_ids == tuple(f"guest {n}" for n in range(200, 501, 100))
