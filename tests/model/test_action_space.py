"""Hands become the vector that the model was trained on."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model.action_space import ActionSpace, Key, mu_law_bins
from model.world import World

SHIPPED = Path(__file__).parents[2] / "model" / "worlds" / "freedoom"
BUTTONS = ("forward", "back", "left", "right", "turn_left", "turn_right", "act")
SPACE = ActionSpace(
    buttons=BUTTONS,
    degrees_per_count=0.1,
    key_turn_deg=6.0,
    yaw_bins_deg=mu_law_bins(12.0, 21, 8.0),
)
PITCHED = replace(SPACE, pitch_bins_deg=(-6.0, -4.0, 0.0, 4.0, 6.0))
MANY = ActionSpace(
    buttons=("jump", "sneak", "sprint", "walk", "hotbar.2", "hotbar.4", "hotbar.9"),
    degrees_per_count=0.15,
    key_turn_deg=0.0,
    yaw_bins_deg=mu_law_bins(90.0, 21, 11.0),
    mu=11.0,
)

TILES = ActionSpace(buttons=("left", "right", "up", "do"), one_at_a_time=True)


def held(*names: str) -> int:
    return sum(1 << BUTTONS.index(name) for name in names)


def test_idle_hands_give_the_zero_vector() -> None:
    assert SPACE.vector(0, 0, 0) == (0.0,) * SPACE.size


def test_a_tap_counts_like_a_held_button() -> None:
    assert SPACE.vector(0, held("act"), 0) == SPACE.vector(held("act"), 0, 0)


def test_opposite_buttons_cancel() -> None:
    assert SPACE.vector(held("forward", "back", "act"), 0, 0) == SPACE.vector(held("act"), 0, 0)


def test_turn_keys_and_mouse_are_one_yaw() -> None:
    assert (
        SPACE.vector(held("turn_right"), 0, 0)[-1] > 0 > SPACE.vector(held("turn_left"), 0, 0)[-1]
    )
    assert SPACE.vector(held("turn_right"), 0, -60) == SPACE.vector(0, 0, 0)


def test_buttons_of_later_bits_than_the_world_has_are_ignored() -> None:
    assert SPACE.vector(1 << 15, 0, 0) == SPACE.vector(0, 0, 0)


@given(st.floats(-90, 90))
def test_yaw_is_the_nearest_bin(yaw_deg: float) -> None:
    nearest = min(SPACE.yaw_bins_deg, key=lambda centre: abs(centre - yaw_deg))
    assert abs(SPACE.quantise_yaw(yaw_deg) - yaw_deg) == abs(nearest - yaw_deg)


def test_in_the_shipped_world_motion_is_the_same_action_up_to_half_a_bin() -> None:
    space = World.load(SHIPPED).spec.action_space
    assert space.vector(0, 0, 2) == space.vector(0, 0, -2) == space.vector(0, 0, 0)
    assert space.vector(0, 0, 3) != space.vector(0, 0, 0)  # 0.15 degrees a count
    middles = [(a + b) / 2 for a, b in pairwise(space.yaw_bins_deg)]
    for centre, (low, high) in zip(space.yaw_bins_deg[1:], pairwise(middles), strict=False):
        assert space.quantise_yaw(low + 0.01) == space.quantise_yaw(high - 0.01) == centre
    assert [round(middles[6], 2), round(15 - middles[-1], 2)] == [0.4, 2.5]


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1), st.integers(-(2**31), 2**31 - 1))
def test_any_hands_give_a_bounded_vector(held: int, pressed: int, dx: int) -> None:
    vector = SPACE.vector(held, pressed, dx)
    assert len(vector) == SPACE.size
    assert all(-1 <= value <= 1 for value in vector)


def test_a_world_with_pitch_is_told_how_far_the_mouse_went_down() -> None:
    entries = (*SPACE.model_buttons, "pitch", "yaw")
    assert (PITCHED.entries, PITCHED.size) == (entries, SPACE.size + 1)
    down, up = PITCHED.vector(held("act"), 0, 30, 40), PITCHED.vector(held("act"), 0, 30, -40)
    assert down[-2] == pytest.approx(4.0 / 6.0)
    assert (up[:-2], up[-2], up[-1]) == (down[:-2], -down[-2], down[-1])


def test_a_world_without_pitch_is_told_the_same_whatever_the_mouse_does_up_and_down() -> None:
    assert SPACE.vector(held("act"), 0, 30, 40) == SPACE.vector(held("act"), 0, 30)


def test_a_button_that_contradicts_two_takes_both_along() -> None:
    walk = MANY.vector(0b1000, 0, 0)
    assert MANY.vector(0b1111, 0, 0) == walk


def test_of_several_hotbar_slots_the_lowest_counts() -> None:
    assert MANY.vector(0b1110000, 0, 0) == MANY.vector(0b0010000, 0, 0)


@given(st.floats(-100, 100))
def test_on_the_mu_law_scale_the_nearest_bin_is_the_rounded_one(yaw_deg: float) -> None:
    share = math.log1p(11.0 * min(abs(yaw_deg), 90.0) / 90.0) / math.log1p(11.0)
    steps = round(math.copysign(10 * share, yaw_deg), 9)
    assume(abs(steps - round(steps)) != 0.5)
    assert MANY.yaw_bins_deg.index(MANY.quantise_yaw(yaw_deg)) == 10 + round(steps)


def test_bins_without_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="yaw bins must ascend and contain 0"):
        replace(SPACE, yaw_bins_deg=(-1.0, 1.0))
    with pytest.raises(ValueError, match="pitch bins must ascend and contain 0"):
        replace(SPACE, pitch_bins_deg=(-1.0, 1.0))


def test_more_buttons_than_an_action_carries_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 16"):
        replace(SPACE, buttons=tuple(f"button-{i}" for i in range(17)))


def test_a_world_without_a_camera_has_buttons_only() -> None:
    assert TILES.entries == TILES.buttons
    assert TILES.camera == {} and TILES.quantise_yaw(12.0) == 0.0
    assert TILES.vector(0b0001, 0, dx=300, dy=-40) == (1.0, 0.0, 0.0, 0.0)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_where_one_thing_is_done_at_a_time_one_button_counts(down: int, pressed: int) -> None:
    assert sum(TILES.vector(down, pressed, 0)) <= 1


def test_what_was_pressed_last_goes_before_what_is_held() -> None:
    assert TILES.vector(0b1000, 0b0100, 0) == (0.0, 0.0, 1.0, 0.0)
    assert TILES.vector(0b1100, 0, 0) == (0.0, 0.0, 0.0, 1.0)
    assert TILES.vector(0b0011, 0, 0) == (0.0, 0.0, 0.0, 0.0)  # left and right cancel
    assert TILES.vector(0b0001, 1 << 9, 0) == (1.0, 0.0, 0.0, 0.0)  # no button of this world


def test_keys_are_of_buttons_that_there_are() -> None:
    with pytest.raises(ValueError, match="jump"):
        replace(TILES, keys=(Key(button="jump", label="jump", code="Space"),))


def test_a_press_is_told_from_a_held_button_where_the_game_needs_it() -> None:
    space = replace(TILES, tells_presses=True)
    assert space.entries == (*TILES.buttons, "pressed")
    assert space.vector(0b0100, 0b0100, 0) == (0.0, 0.0, 1.0, 0.0, 1.0)
    assert space.vector(0b0100, 0, 0) == (0.0, 0.0, 1.0, 0.0, 0.0)
    assert space.vector(0, 1 << 9, 0) == (0.0,) * 5
    assert space.vector(0b0011, 0b0011, 0) == (0.0,) * 5  # left and right cancel
