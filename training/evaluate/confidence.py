"""How sure a figure is: bootstrap over starts, since the frames of one dream depend on each other.
Knows nothing about what is measured.

Starts are drawn from one seed, so that equally many starts are always drawn alike. Figures of two
players after the same starts can therefore be subtracted draw by draw: both are hard where a start
is hard, and the difference is surer than either.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 200
_Z_95 = 1.96

Statistic = Callable[[NDArray[np.int64]], float]  # of the starts with these indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and the 95 % interval around it; `drawn` is what it was over resampled starts. As
    text with a number's format: its value, "±" and half of the interval."""

    value: float
    low: float
    high: float
    drawn: tuple[float, ...]

    @classmethod
    def of(cls, value: float, drawn: NDArray[np.float64]) -> "Estimate":
        """`value`, give or take 1.96 standard errors.

        Not the percentiles: a resample holds doubles, which make a Fréchet distance larger than it
        is, so its percentiles lie beside the value and not around it.
        """
        known = drawn[~np.isnan(drawn)]
        margin = _Z_95 * float(known.std()) if known.size else float("nan")
        return cls(value=value, low=value - margin, high=value + margin, drawn=tuple(drawn))

    def less(self, other: "Estimate") -> "Estimate":
        """This figure less the other's, which is of the same starts."""
        return Estimate.of(self.value - other.value, np.array(self.drawn) - np.array(other.drawn))

    def __format__(self, style: str) -> str:
        return f"{self.value:{style}} ± {(self.high - self.low) / 2:{style}}"


def estimate(statistic: Statistic, num_starts: int) -> Estimate:
    """`statistic` of all starts, and over resampled ones."""
    rng = np.random.default_rng(0)
    value = statistic(np.arange(num_starts))
    drawn = [statistic(rng.integers(num_starts, size=num_starts)) for _ in range(_RESAMPLES)]
    return Estimate.of(value, np.array(drawn))


def mean_estimate(per_start: NDArray[np.float64]) -> Estimate:
    return estimate(lambda starts: float(per_start[starts].mean()), len(per_start))
