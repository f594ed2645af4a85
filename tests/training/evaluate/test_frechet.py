"""The distance agrees with the closed form, and the interval with what it claims to cover."""

import numpy as np
import pytest

from training.evaluate.confidence import estimate, mean_estimate
from training.evaluate.measures.frechet import frechet, frechet_of_starts

_RNG = np.random.default_rng(0)
A = _RNG.normal(size=(500, 6))


def test_the_same_features_are_no_distance_apart() -> None:
    assert frechet(A, A[::-1]) == pytest.approx(0.0, abs=1e-9)


def test_a_shift_counts_squared_and_a_stretch_by_the_gap_of_deviations() -> None:
    """For covariances that commute the distance is |m - m'|^2 + sum (s - s')^2."""
    assert frechet(A + 3 * np.eye(6)[0], A) == pytest.approx(9.0)
    variance = np.cov(A, rowvar=False).trace()
    assert frechet(2 * (A - A.mean(axis=0)), A - A.mean(axis=0)) == pytest.approx(variance)


def test_directions_matter_not_only_sizes() -> None:
    x = _RNG.normal(size=(500, 2)) * [3.0, 0.1]
    assert frechet(x, x[:, ::-1]) > 5


def test_starts_are_taken_together() -> None:
    ours, real = np.split(A, 5), np.split(A + 1, 5)
    assert frechet_of_starts(ours, real).value == pytest.approx(frechet(A, A + 1))


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for _ in range(40):
        sure = mean_estimate(_RNG.normal(size=30))
        covered += sure.low <= 0.0 <= sure.high
    assert covered >= 33


def test_more_starts_make_a_narrower_interval_and_the_same_starts_the_same() -> None:
    values = _RNG.normal(size=400)
    few, many = mean_estimate(values[:10]), mean_estimate(values)
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert estimate(lambda starts: float(values[starts].mean()), 400) == many
