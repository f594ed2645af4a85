"""95 % intervals by bootstrap over starts, because the frames of one rollout depend on each other.
Knows nothing about the measured quantity.

One seed draws all resamples, so equal numbers of starts give equal resamples. Figures of two worlds
after the same starts can be subtracted resample by resample; the difference has a smaller interval
than either figure, since a hard start is hard for both worlds.
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
    """A figure, the 95 % interval around the figure, and its values over resampled starts
    (`drawn`). Formatted with a number's format: the value, "±" and half of the interval."""

    value: float
    low: float
    high: float
    drawn: tuple[float, ...]

    @classmethod
    def of(cls, value: float, drawn: NDArray[np.float64]) -> "Estimate":
        """The interval is `value` plus and minus 1.96 standard deviations of `drawn`.

        Percentiles of `drawn` would be biased: a resample repeats starts, which enlarges a Fréchet
        distance, so the percentiles would not enclose the value.
        """
        known = drawn[~np.isnan(drawn)]
        margin = _Z_95 * float(known.std()) if known.size else float("nan")
        return cls(value=value, low=value - margin, high=value + margin, drawn=tuple(drawn))

    def less(self, other: "Estimate") -> "Estimate":
        """The difference to a figure of the same starts."""
        return Estimate.of(self.value - other.value, np.array(self.drawn) - np.array(other.drawn))

    def __format__(self, style: str) -> str:
        return f"{self.value:{style}} ± {(self.high - self.low) / 2:{style}}"


def estimate(statistic: Statistic, num_starts: int) -> Estimate:
    """`statistic` of all starts, with an interval from resampled starts."""
    rng = np.random.default_rng(0)
    value = statistic(np.arange(num_starts))
    drawn = [statistic(rng.integers(num_starts, size=num_starts)) for _ in range(_RESAMPLES)]
    return Estimate.of(value, np.array(drawn))


def mean_estimate(per_start: NDArray[np.float64]) -> Estimate:
    return estimate(lambda starts: float(per_start[starts].mean()), len(per_start))
