"""How sure a figure is: bootstrap over starts, since the frames of one dream depend on each other.
Knows nothing about what is measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 200
_Z_95 = 1.96

Statistic = Callable[[NDArray[np.int64]], float]  # of the starts with these indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and the 95 % interval around it. As text with a number's format: its value, "±" and
    half of the interval."""

    value: float
    low: float
    high: float

    def __format__(self, style: str) -> str:
        return f"{self.value:{style}} ± {(self.high - self.low) / 2:{style}}"


def estimate(statistic: Statistic, num_starts: int) -> Estimate:
    """`statistic` of all starts, give or take 1.96 standard errors over resampled starts.

    Not the percentiles: a resample holds doubles, which make a Fréchet distance larger than it is,
    so its percentiles lie beside the value and not around it.
    """
    rng = np.random.default_rng(0)
    value = statistic(np.arange(num_starts))
    drawn = [statistic(rng.integers(num_starts, size=num_starts)) for _ in range(_RESAMPLES)]
    margin = _Z_95 * float(np.nanstd(drawn))
    return Estimate(value=value, low=value - margin, high=value + margin)


def mean_estimate(per_start: NDArray[np.float64]) -> Estimate:
    return estimate(lambda starts: float(per_start[starts].mean()), len(per_start))
