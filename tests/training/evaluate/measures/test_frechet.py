"""The distance agrees with the closed form, and the interval with what it claims to cover."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluate.measures.frechet import frechet, frechet_of_starts
from training.evaluate.statistics.confidence import estimate, mean_estimate

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


def test_covariances_that_do_not_commute_agree_with_the_closed_form() -> None:
    """Of two by two: tr (A B)^1/2 = (tr A B + 2 (det A B)^1/2)^1/2."""
    a_22, b_22 = np.array([[4.0, 1.0], [1.0, 2.0]]), np.array([[1.0, -0.5], [-0.5, 3.0]])
    expected = np.trace(a_22 + b_22) - 2 * np.sqrt(
        np.trace(a_22 @ b_22) + 2 * np.sqrt(np.linalg.det(a_22 @ b_22))
    )
    assert frechet(_samples(a_22), _samples(b_22)) == pytest.approx(expected)
    assert frechet(np.array([3.0, -4.0]) + _samples(a_22), _samples(b_22)) == pytest.approx(
        expected + 25
    )


def test_fewer_samples_than_features_are_enough() -> None:
    few = _RNG.normal(size=(4, 30))
    assert frechet(few, few + 2.0) == pytest.approx(4.0 * 30)


def _samples(covariance_DD: NDArray[np.float64]) -> NDArray[np.float64]:
    """A hundred, of mean 0 and exactly this unbiased covariance."""
    x_ND = _RNG.normal(size=(100, len(covariance_DD)))
    x_ND -= x_ND.mean(axis=0)
    own = np.linalg.cholesky(np.cov(x_ND, rowvar=False))
    return x_ND @ np.linalg.inv(own).T @ np.linalg.cholesky(covariance_DD).T


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
