"""Entrants that take turns, so that all of them meet the machine in the same mood."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of every entrant, round by round."""

    seconds: Mapping[str, list[float]]

    def median_ms(self, name: str) -> float:
        return round(statistics.median(self.seconds[name]) * 1e3, 2)

    def ratio(self, slower: str, faster: str) -> float:
        """How many times as long the first takes: the median over rounds, since two that are
        neighbours in time share what else the machine is doing."""
        pairs = zip(self.seconds[slower], self.seconds[faster], strict=True)
        return round(statistics.median(a / b for a, b in pairs), 3)


def contest(entrants: Mapping[str, Callable[[], float]], *, rounds: int) -> Times:
    """Each entrant returns the seconds it took. One unmeasured round first."""
    for enter in entrants.values():
        enter()
    seconds: dict[str, list[float]] = {name: [] for name in entrants}
    for _ in range(rounds):
        for name, enter in entrants.items():
            seconds[name].append(enter())
    return Times(seconds)
