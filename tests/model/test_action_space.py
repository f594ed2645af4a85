"""Hands become the vector that the model was trained on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.action_space import ActionSpace, mu_law_bins

BUTTONS = ("forward", "back", "left", "right", "turn_left", "turn_right", "act")
SPACE = ActionSpace(
    buttons=BUTTONS,
    degrees_per_count=0.1,
    key_turn_deg=6.0,
    yaw_bins_deg=mu_law_bins(12.0, 21, 8.0),
)


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


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1), st.integers(-(2**31), 2**31 - 1))
def test_any_hands_give_a_bounded_vector(held: int, pressed: int, dx: int) -> None:
    vector = SPACE.vector(held, pressed, dx)
    assert len(vector) == SPACE.size
    assert all(-1 <= value <= 1 for value in vector)


def test_bins_without_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="contain 0"):
        ActionSpace(
            buttons=BUTTONS, degrees_per_count=0.1, key_turn_deg=6, yaw_bins_deg=(-1.0, 1.0)
        )
