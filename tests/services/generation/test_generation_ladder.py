"""The overload ladder: what gives way, in which order, and that it comes back by itself."""

import math
from itertools import pairwise

import pytest

from model import presets
from services.generation.frames.ladder import Ladder
from services.generation.frames.rungs import FPS_SHARES, Rung, ShortMemory, make_rungs
from services.generation.renderer import short_memory

FPS = 17.5
RUNGS = make_rungs((1, 2, 4), default_steps=4, fps=FPS)
DRAFTING, PLAIN, TWO_STEPS, ONE_STEP = range(4)
SHORT = ShortMemory(num_frames=7, row_cost=0.7)


def play(
    ladder: Ladder,
    seconds: float,
    cost_of_step_s: float,
    *,
    rungs: tuple[Rung, ...] = RUNGS,
    short_share: float = 0.7,
) -> list[int]:
    """Rungs that were entered while a denoise step costs this much, with a short memory that share
    of it, in order."""
    entered = []
    passed_s = 0.0
    while passed_s < seconds:
        share = short_share if ladder.rung.memory else 1.0
        cost_s = ((ladder.rung.steps + 1.0) * share + 1.0) * cost_of_step_s
        round_s = max(cost_s, 1 / ladder.rung.fps)
        passed_s += round_s
        if ladder.observe(cost_s, round_s):
            entered.append(rungs.index(ladder.rung))
    return entered


def moves(
    ladder: Ladder,
    seconds: float,
    costs: dict[int, float],
    *,
    crowded_above_fps: float = math.inf,
) -> list[tuple[float, int]]:
    """When the rung changed, and to which. `costs`: of a frame, by its steps, above that rate
    half as much again."""
    moved = []
    now_s = 0.0
    while now_s < seconds:
        rung = ladder.rung
        cost_s = costs[rung.steps] * (1.5 if rung.fps > crowded_above_fps else 1.0)
        round_s = max(cost_s, 1 / rung.fps)
        now_s += round_s
        if ladder.observe(cost_s, round_s):
            moved.append((now_s, RUNGS.index(ladder.rung)))
    return moved


def test_drafts_give_way_first_then_steps_then_frames() -> None:
    num_slower = len(FPS_SHARES)
    assert [rung.speculates for rung in RUNGS] == [True] + [False] * (3 + num_slower)
    assert [rung.steps for rung in RUNGS] == [4, 4, 2] + [1] * (1 + num_slower)
    assert [rung.fps for rung in RUNGS[:4]] == [FPS] * 4
    assert all(low.fps < high.fps for high, low in pairwise(RUNGS[3:]))


def test_players_are_told_of_what_changes_their_picture() -> None:
    assert [rung.level for rung in RUNGS] == [0, *range(3 + len(FPS_SHARES))]


def test_counts_above_the_default_are_no_rungs() -> None:
    assert make_rungs((1, 2, 4, 8), default_steps=2, fps=FPS)[0].steps == 2


def test_the_memory_gives_way_before_steps_do_and_stays_short_below() -> None:
    rungs = make_rungs((1, 2), default_steps=2, fps=FPS, short=SHORT)
    ways = [(rung.speculates, rung.memory, rung.steps, rung.fps) for rung in rungs[:4]]
    assert ways == [
        (True, None, 2, FPS),
        (False, None, 2, FPS),
        (False, 7, 2, FPS),
        (False, 7, 1, FPS),
    ]
    assert {(rung.memory, rung.steps) for rung in rungs[4:]} == {(7, 1)}
    assert [rung.level for rung in rungs] == [0, *range(3 + len(FPS_SHARES))]


def test_the_short_memory_is_a_third_of_a_window_that_is_long_enough() -> None:
    """At the shipped sizes a row that sees 8 frames has 0.70 of the operations of one that sees
    24: 12 D^2 weights a layer for each token, and 4 D operations for each pair of tokens."""
    nfd = presets.freedoom().nfd
    weights, tokens = 2 * 12 * nfd.width**2, nfd.tokens_per_frame
    share = (weights + 4 * nfd.width * 8 * tokens) / (weights + 4 * nfd.width * 24 * tokens)
    short = short_memory(nfd, 23)
    assert short is not None and short.num_frames == 7
    assert short.row_cost == pytest.approx(share)
    assert 0.69 < share < 0.70
    assert short_memory(nfd, 7) is None


def test_it_is_enough_to_remember_less_where_that_is_enough() -> None:
    """Full frames take 60 ms of 57, those of a short memory 47."""
    rungs = make_rungs((1, 2), default_steps=2, fps=FPS, short=SHORT)
    ladder = Ladder(rungs)
    assert play(ladder, 300, 0.015, rungs=rungs) == [1, 2]
    assert play(ladder, 5, 0.008, rungs=rungs) == [0]


def test_where_remembering_less_costs_as_much_steps_go_too() -> None:
    rungs = make_rungs((1, 2), default_steps=2, fps=FPS, short=SHORT)
    assert play(Ladder(rungs), 300, 0.015, rungs=rungs, short_share=1.0) == [1, 2, 3]


def test_where_all_is_seen_a_frame_in_haste_sees_less() -> None:
    rungs = make_rungs((1, 2), default_steps=2, fps=FPS, short=SHORT)
    assert [rung.haste for rung in rungs[:4]] == [7, 7, None, None]
    assert {rung.haste for rung in RUNGS} == {None}


def hurry(ladder: Ladder, seconds: float, *, every: int = 1) -> float:
    """Rounds that take three quarters of their period, all or each so many-th in haste. Until the
    rung changes."""
    passed_s, number = 0.0, 0
    while passed_s < seconds:
        period_s = 1 / ladder.rung.fps
        number, passed_s = number + 1, passed_s + period_s
        if ladder.observe(0.75 * period_s, period_s, is_pressed=number % every == 0):
            return passed_s
    return math.inf


def test_haste_ends_drafts_at_once_and_full_frames_only_if_it_lasts() -> None:
    rungs = make_rungs((1, 2), default_steps=2, fps=FPS, short=SHORT)
    ladder = Ladder(rungs)
    assert hurry(ladder, 10) < 1.0
    assert ladder.rung == rungs[1]
    assert hurry(ladder, 60, every=2) == math.inf
    assert 1.9 < hurry(ladder, 10) < 2.1
    assert ladder.rung == rungs[2]
    assert hurry(ladder, 60) == math.inf  # it is in time, and tells all there is to tell


def test_a_replica_with_time_to_spare_serves_in_full() -> None:
    assert play(Ladder(RUNGS), 60, 0.008) == []


def test_overload_drops_drafts_then_falls_to_the_first_rung_that_fits() -> None:
    """6 and 4 times 16.5 ms are too much, 3 times fit."""
    assert play(Ladder(RUNGS), 60, 0.0165) == [PLAIN, ONE_STEP]


def test_it_is_where_it_will_stay_within_two_seconds() -> None:
    ladder = Ladder(RUNGS)
    assert play(ladder, 2.0, 0.0165) == [PLAIN, ONE_STEP]
    assert play(ladder, 300, 0.0165) == []


def test_one_stall_is_no_overload() -> None:
    ladder = Ladder(RUNGS)
    for _ in range(3):
        play(ladder, 2, 0.005)
        assert not ladder.observe(0.4, 0.4)
    assert ladder.rung is RUNGS[DRAFTING]


def test_it_climbs_back_by_itself_within_five_seconds() -> None:
    ladder = Ladder(RUNGS)
    play(ladder, 30, 0.060)
    assert RUNGS.index(ladder.rung) > ONE_STEP
    assert play(ladder, 5, 0.005) == [DRAFTING]


def test_full_pictures_come_back_before_drafts_do() -> None:
    """6 times 7.5 ms fit, and leave no room for drafts."""
    ladder = Ladder(RUNGS)
    play(ladder, 30, 0.060)
    assert play(ladder, 60, 0.0075) == [PLAIN]


def test_a_load_between_two_rungs_does_not_swing() -> None:
    """At 0.0135 two steps take 54 ms of 57: they would do, but it is too near to climb to."""
    ladder = Ladder(RUNGS)
    play(ladder, 10, 0.0165)
    assert ladder.rung is RUNGS[ONE_STEP]
    assert play(ladder, 300, 0.0135) == []


def test_a_climb_that_does_not_hold_is_tried_less_and_less_often() -> None:
    """More steps cost more here than one step lets expect."""
    ladder = Ladder(RUNGS)
    play(ladder, 10, 0.0165)
    climbs = [at for at, number in moves(ladder, 400, {1: 0.03, 2: 0.07}) if number < ONE_STEP]
    waits = [round(later - earlier) for earlier, later in pairwise(climbs)]
    assert waits[0] < 8
    assert waits == sorted(waits)
    assert waits[-1] > 60


def test_who_climbed_too_high_climbs_less_high_at_once() -> None:
    """Frames cost more the faster they come, where others use the cores between them."""
    ladder = Ladder(RUNGS)
    play(ladder, 30, 0.060)
    entered = moves(ladder, 8, {1: 0.049}, crowded_above_fps=0.61 * FPS)
    (_, too_high), (_, lower), (_, settled) = entered
    assert too_high < settled < lower
    assert moves(ladder, 4, {1: 0.049}, crowded_above_fps=0.61 * FPS) == []


def test_below_the_bottom_rung_newcomers_are_refused() -> None:
    ladder = Ladder(RUNGS)
    assert not ladder.refuses_newcomers
    play(ladder, 60, 1.0)
    assert ladder.rung is RUNGS[-1]
    assert ladder.refuses_newcomers
    play(ladder, 1, 0.005)
    assert not ladder.refuses_newcomers


def test_the_next_player_of_an_empty_replica_starts_in_full() -> None:
    ladder = Ladder(RUNGS)
    play(ladder, 30, 0.060)
    ladder.reset()
    assert ladder.rung is RUNGS[DRAFTING]
    assert ladder.rung.fps == pytest.approx(FPS)
