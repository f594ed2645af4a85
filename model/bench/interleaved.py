"""Times variants frame by frame in turn, so that background load affects all of them equally."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InterleavedTimes:
    """Seconds of every variant, round by round."""

    seconds: Mapping[str, list[float]]

    def median_ms(self, name: str) -> float:
        return round(statistics.median(self.seconds[name]) * 1e3, 2)

    def ratio(self, slower: str, faster: str) -> float:
        """How many times as long the first takes: the median over rounds, since two variants of one
        round run under the same background load."""
        pairs = zip(self.seconds[slower], self.seconds[faster], strict=True)
        return round(statistics.median(a / b for a, b in pairs), 3)


def time_interleaved(
    variants: Mapping[str, Callable[[], float]], *, rounds: int
) -> InterleavedTimes:
    """A variant runs once and returns its seconds. The first round is not measured."""
    for run in variants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            seconds[name].append(run())
    return InterleavedTimes(seconds)
