"""The overload ladder: what gives way, in which order, and that it comes back by itself."""

from itertools import pairwise

import pytest

from services.generation.ladder import Ladder, make_rungs

FPS = 17.5
RUNGS = make_rungs((1, 2, 4), default_steps=4, fps=FPS)


def play(ladder: Ladder, seconds: float, cost_of_step_s: float) -> list[int]:
    """Levels that were entered while a denoise step costs this much, in order."""
    entered = []
    passed_s = 0.0
    while passed_s < seconds:
        cost_s = (ladder.rung.steps + 1.5) * cost_of_step_s
        passed_s += max(cost_s, 1 / ladder.rung.fps)
        if ladder.observe(cost_s):
            entered.append(ladder.level)
    return entered


def test_steps_give_way_before_frames_do() -> None:
    assert [rung.steps for rung in RUNGS] == [4, 2, 1, 1, 1, 1]
    assert [rung.fps for rung in RUNGS[:3]] == [FPS] * 3
    assert all(low.fps < high.fps for high, low in pairwise(RUNGS[2:]))


def test_counts_above_the_default_are_no_rungs() -> None:
    assert make_rungs((1, 2, 4, 8), default_steps=2, fps=FPS)[0].steps == 2


def test_a_replica_with_time_to_spare_serves_in_full() -> None:
    assert play(Ladder(RUNGS), 60, 0.009) == []


def test_overload_goes_down_one_rung_at_a_time_until_it_fits() -> None:
    ladder = Ladder(RUNGS)
    assert play(ladder, 60, 0.020) == [1, 2]  # 5.5 and 3.5 times 20 ms are too much, 2.5 fit


def test_the_first_step_down_comes_within_a_second_and_a_half() -> None:
    assert play(Ladder(RUNGS), 1.5, 0.020) == [1]


def test_one_stall_is_no_overload() -> None:
    ladder = Ladder(RUNGS)
    for _ in range(3):
        play(ladder, 2, 0.005)
        assert not ladder.observe(0.4)
    assert ladder.level == 0


def test_it_climbs_back_by_itself_in_order() -> None:
    ladder = Ladder(RUNGS)
    play(ladder, 30, 0.060)
    bottom = ladder.level
    assert bottom > 2
    assert play(ladder, 60, 0.002) == list(range(bottom - 1, -1, -1))


def test_a_load_between_two_rungs_does_not_swing() -> None:
    """At 0.0155 the upper rung takes 54 ms of 57: it holds, but is too near to climb to."""
    ladder = Ladder(RUNGS)
    play(ladder, 10, 0.020)
    assert ladder.level == 2
    assert play(ladder, 300, 0.0155) == []


def test_a_climb_that_does_not_hold_is_tried_less_and_less_often() -> None:
    """Two steps cost more here than one step lets expect."""
    ladder = Ladder(RUNGS)
    play(ladder, 10, 0.020)
    now_s = 0.0
    climbs: list[float] = []
    while now_s < 400:
        cost_s = 0.07 if ladder.level < 2 else 0.03
        now_s += max(cost_s, 1 / ladder.rung.fps)
        if ladder.observe(cost_s) and ladder.level == 1:
            climbs.append(now_s)
    waits = [round(later - earlier) for earlier, later in pairwise(climbs)]
    assert waits[0] < 6
    assert waits == sorted(waits)
    assert waits[-1] > 60


def test_the_bottom_rung_has_nothing_below() -> None:
    ladder = Ladder(RUNGS)
    play(ladder, 60, 1.0)
    assert ladder.level == len(RUNGS) - 1


def test_the_next_player_of_an_empty_replica_starts_in_full() -> None:
    ladder = Ladder(RUNGS)
    play(ladder, 30, 0.060)
    ladder.reset()
    assert ladder.level == 0
    assert ladder.rung.fps == pytest.approx(FPS)
