"""Quality levels: the reduction of each level, and the conditions for going down and up."""

import math
from itertools import pairwise

import pytest

from model import presets
from services.generation.frames.level_selector import LevelSelector
from services.generation.frames.load_estimator import LoadSample
from services.generation.frames.quality_constants import LevelConstants
from services.generation.frames.quality_levels import (
    FPS_SHARES,
    QualityLevel,
    ShortContext,
    make_levels,
)
from services.generation.renderer import short_context

FPS = 17.5
LEVELS = make_levels((1, 2, 4), default_steps=4, fps=FPS)
DRAFTING, PLAIN, TWO_STEPS, ONE_STEP = range(4)
SHORT = ShortContext(num_frames=7, row_cost=0.7)


def select(levels: tuple[QualityLevel, ...] = LEVELS) -> LevelSelector:
    return LevelSelector(levels, LevelConstants())


def observe(
    selector: LevelSelector, cost_s: float, passed_s: float, *, is_all_late: bool = False
) -> bool:
    sample = LoadSample(cost_s=cost_s, passed_s=passed_s, is_all_late=is_all_late)
    return selector.observe(sample)


def play(
    selector: LevelSelector,
    seconds: float,
    cost_of_step_s: float,
    *,
    levels: tuple[QualityLevel, ...] = LEVELS,
    short_share: float = 0.7,
) -> list[int]:
    """Indices of the levels entered, in order, while a denoise step costs `cost_of_step_s`, and
    `short_share` of that with a short context."""
    entered = []
    passed_s = 0.0
    while passed_s < seconds:
        share = short_share if selector.level.short else 1.0
        cost_s = ((selector.level.steps + 1.0) * share + 1.0) * cost_of_step_s
        round_s = max(cost_s, 1 / selector.level.fps)
        passed_s += round_s
        if observe(selector, cost_s, round_s):
            entered.append(levels.index(selector.level))
    return entered


def moves(
    selector: LevelSelector,
    seconds: float,
    costs: dict[int, float],
    *,
    crowded_above_fps: float = math.inf,
) -> list[tuple[float, int]]:
    """(time, index of the new level) of each change. `costs`: seconds of a frame by its steps,
    half as much again above `crowded_above_fps`."""
    moved = []
    now_s = 0.0
    while now_s < seconds:
        level = selector.level
        cost_s = costs[level.steps] * (1.5 if level.fps > crowded_above_fps else 1.0)
        round_s = max(cost_s, 1 / level.fps)
        now_s += round_s
        if observe(selector, cost_s, round_s):
            moved.append((now_s, LEVELS.index(selector.level)))
    return moved


def test_levels_give_up_drafts_first_then_steps_then_frames() -> None:
    num_slower = len(FPS_SHARES)
    assert [level.drafts for level in LEVELS] == [True] + [False] * (3 + num_slower)
    assert [level.steps for level in LEVELS] == [4, 4, 2] + [1] * (1 + num_slower)
    assert [level.fps for level in LEVELS[:4]] == [FPS] * 4
    assert all(low.fps < high.fps for high, low in pairwise(LEVELS[3:]))


def test_levels_have_a_number_each_except_for_drafts() -> None:
    assert [level.number for level in LEVELS] == [0, *range(3 + len(FPS_SHARES))]


def test_step_counts_above_the_default_make_no_level() -> None:
    assert make_levels((1, 2, 4, 8), default_steps=2, fps=FPS)[0].steps == 2


def test_levels_give_up_context_before_steps_and_keep_the_short_context_below() -> None:
    levels = make_levels((1, 2), default_steps=2, fps=FPS, short=SHORT)
    ways = [(level.drafts, level.context_length, level.steps, level.fps) for level in levels[:4]]
    assert ways == [
        (True, None, 2, FPS),
        (False, None, 2, FPS),
        (False, 7, 2, FPS),
        (False, 7, 1, FPS),
    ]
    assert {(level.context_length, level.steps) for level in levels[4:]} == {(7, 1)}
    assert [level.number for level in levels] == [0, *range(3 + len(FPS_SHARES))]


def test_the_short_context_is_a_third_of_a_long_enough_window() -> None:
    """At the shipped sizes a row with 8 frames in sight has 0.70 of the operations of a row with
    24: 12 D^2 weights a layer for each token, and 4 D operations for each pair of tokens."""
    nfd = presets.freedoom().nfd
    weights, tokens = 2 * 12 * nfd.width**2, nfd.tokens_per_frame
    share = (weights + 4 * nfd.width * 8 * tokens) / (weights + 4 * nfd.width * 24 * tokens)
    short = short_context(nfd, 23)
    assert short is not None and short.num_frames == 7
    assert short.row_cost == pytest.approx(share)
    assert 0.69 < share < 0.70
    assert short_context(nfd, 7) is None


def test_only_the_context_is_shortened_where_a_short_context_is_enough() -> None:
    """Frames take 60 ms of 57 with the whole context, 47 ms with the short context."""
    levels = make_levels((1, 2), default_steps=2, fps=FPS, short=SHORT)
    selector = select(levels)
    assert play(selector, 300, 0.015, levels=levels) == [1, 2]
    assert play(selector, 5, 0.008, levels=levels) == [0]


def test_steps_go_too_where_a_short_context_saves_nothing() -> None:
    levels = make_levels((1, 2), default_steps=2, fps=FPS, short=SHORT)
    assert play(select(levels), 300, 0.015, levels=levels, short_share=1.0) == [1, 2, 3]


def test_only_levels_with_the_whole_context_shorten_single_frames() -> None:
    levels = make_levels((1, 2), default_steps=2, fps=FPS, short=SHORT)
    assert [level.shortened_length for level in levels[:4]] == [7, 7, None, None]
    assert {level.shortened_length for level in LEVELS} == {None}


def play_late(selector: LevelSelector, seconds: float, *, every: int = 1) -> float:
    """Samples that take three quarters of the period; every `every`-th sample has only late frames.
    Returns the seconds until the level changes; infinite without a change."""
    passed_s, number = 0.0, 0
    while passed_s < seconds:
        period_s = 1 / selector.level.fps
        number, passed_s = number + 1, passed_s + period_s
        if observe(selector, 0.75 * period_s, period_s, is_all_late=number % every == 0):
            return passed_s
    return math.inf


def test_shortened_frames_end_drafts_at_once_and_the_whole_context_only_if_they_last() -> None:
    levels = make_levels((1, 2), default_steps=2, fps=FPS, short=SHORT)
    selector = select(levels)
    assert play_late(selector, 10) < 1.0
    assert selector.level == levels[1]
    assert play_late(selector, 60, every=2) == math.inf
    assert 1.9 < play_late(selector, 10) < 2.1
    assert selector.level == levels[2]
    assert play_late(selector, 60) == math.inf  # in time, with a number that players are told


def test_a_replica_with_spare_time_stays_at_full_quality() -> None:
    assert play(select(), 60, 0.008) == []


def test_overload_drops_drafts_then_goes_down_to_the_first_level_that_fits() -> None:
    """6 and 4 times 16.5 ms are too much, 3 times fit."""
    assert play(select(), 60, 0.0165) == [PLAIN, ONE_STEP]


def test_the_level_settles_within_two_seconds() -> None:
    selector = select()
    assert play(selector, 2.0, 0.0165) == [PLAIN, ONE_STEP]
    assert play(selector, 300, 0.0165) == []


def test_one_stall_is_no_overload() -> None:
    selector = select()
    for _ in range(3):
        play(selector, 2, 0.005)
        assert not observe(selector, 0.4, 0.4)
    assert selector.level is LEVELS[DRAFTING]


def test_the_level_goes_up_again_within_five_seconds() -> None:
    selector = select()
    play(selector, 30, 0.060)
    assert LEVELS.index(selector.level) > ONE_STEP
    assert play(selector, 5, 0.005) == [DRAFTING]


def test_full_frames_come_back_before_drafts_do() -> None:
    """6 times 7.5 ms fit, and leave no room for drafts."""
    selector = select()
    play(selector, 30, 0.060)
    assert play(selector, 60, 0.0075) == [PLAIN]


def test_a_load_between_two_levels_does_not_swing() -> None:
    """At 0.0135 two steps take 54 ms of 57: enough for this level, but below the margin for going
    up."""
    selector = select()
    play(selector, 10, 0.0165)
    assert selector.level is LEVELS[ONE_STEP]
    assert play(selector, 300, 0.0135) == []


def test_a_level_that_did_not_hold_is_tried_less_and_less_often() -> None:
    """More steps cost more here than expected from the cost of one step."""
    selector = select()
    play(selector, 10, 0.0165)
    raises = [at for at, number in moves(selector, 400, {1: 0.03, 2: 0.07}) if number < ONE_STEP]
    waits = [round(later - earlier) for earlier, later in pairwise(raises)]
    assert waits[0] < 8
    assert waits == sorted(waits)
    assert waits[-1] > 60


def test_after_a_level_too_high_the_level_below_is_tried_at_once() -> None:
    """Frames cost more at a higher rate, where other processes use the cores between frames."""
    selector = select()
    play(selector, 30, 0.060)
    entered = moves(selector, 8, {1: 0.049}, crowded_above_fps=0.61 * FPS)
    (_, too_high), (_, lower), (_, settled) = entered
    assert too_high < settled < lower
    assert moves(selector, 4, {1: 0.049}, crowded_above_fps=0.61 * FPS) == []


def test_overload_at_the_lowest_level_exhausts_the_levels() -> None:
    selector = select()
    assert not selector.is_exhausted
    play(selector, 60, 1.0)
    assert selector.level is LEVELS[-1]
    assert selector.is_exhausted
    play(selector, 1, 0.005)
    assert not selector.is_exhausted


def test_a_reset_goes_back_to_full_quality() -> None:
    selector = select()
    play(selector, 30, 0.060)
    selector.reset()
    assert selector.level is LEVELS[DRAFTING]
    assert selector.level.fps == pytest.approx(FPS)
