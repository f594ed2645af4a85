"""Closeness and colour on pictures whose answer is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluate.measures.colour import measure_colour
from training.evaluate.measures.motion import motion
from training.evaluate.measures.picture import ssim

_RNG = np.random.default_rng(0)
PICTURE = _RNG.integers(0, 256, (20, 24, 3)).astype(np.uint8)


def _slow_ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Straight from the paper's formula, window by window."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    scores = []
    for row in range(a.shape[0] - 10):
        for column in range(a.shape[1] - 10):
            x, y = (side[row : row + 11, column : column + 11] for side in (a, b))
            mean_x, mean_y = (window * x).sum(), (window * y).sum()
            var_x = (window * (x - mean_x) ** 2).sum()
            var_y = (window * (y - mean_y) ** 2).sum()
            both = (window * (x - mean_x) * (y - mean_y)).sum()
            c1, c2 = 2.55**2, 7.65**2
            scores.append(
                (2 * mean_x * mean_y + c1) * (2 * both + c2)
                / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
            )  # fmt: skip
    return float(np.mean(scores))


def test_ssim_is_the_papers_formula_and_1_for_the_same_picture() -> None:
    other = np.clip(PICTURE * 0.7 + _RNG.normal(0, 20, PICTURE.shape), 0, 255).astype(np.uint8)
    slow = _slow_ssim(PICTURE.mean(axis=-1), other.mean(axis=-1))
    assert ssim(other, PICTURE) == pytest.approx(slow)
    assert ssim(PICTURE, PICTURE) == pytest.approx(1.0)


def _painted(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    frame = np.full((40, 40, 3), 128, np.uint8)
    frame[10:30, 10:30] = colour
    return frame


def test_a_green_screen_is_kept_lost_or_turned_red() -> None:
    green = _painted((20, 220, 20))
    kept = measure_colour(green, green)
    assert kept.kept == pytest.approx(1.0)
    assert kept.kept_by_hue == {"green": pytest.approx(1.0)}
    assert kept.strong_share == pytest.approx(0.25)
    assert measure_colour(green, _painted((128, 128, 128))).kept == pytest.approx(0.0)
    assert measure_colour(green, _painted((220, 20, 20))).kept < 0
    assert 0 < measure_colour(green, _painted((60, 160, 60))).kept < 0.6


def test_a_grey_world_has_no_colour_to_keep() -> None:
    grey = _painted((90, 90, 90))
    assert math.isnan(measure_colour(grey, _painted((200, 0, 0))).kept)


def test_flicker_hardly_counts_as_motion() -> None:
    still = np.repeat(np.repeat(PICTURE[None], 4, axis=0).repeat(4, axis=1), 4, axis=2)
    moving = np.stack([np.roll(still[0], 8 * i, axis=1) for i in range(4)])
    noisy = np.clip(still + _RNG.normal(0, 20, still.shape), 0, 255).astype(np.uint8)
    assert motion(still) == 0.0
    assert motion(noisy) < 0.2 * motion(moving)
