"""How many sessions a replica can carry: the time of a tick by the number of sessions.

A tick is one frame for every session. A replica measures the curve at warm-up and publishes the
curve with each heartbeat; operators, autoscaling and the fleet simulation read the curve. Plain
arithmetic: knows no engine and no clock.
"""

import json
import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from services.wire.fields import from_fields

# A replica that raises its quality level expects at most this load (`LevelConstants.raise_load`):
# with more sessions the level at which the curve was measured would not come back.
FULL_LOAD = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityCurve:
    """`period_s`: seconds between two frames of a session. `ticks_s`: pairs of a number of sessions
    and the seconds of a tick, by growing number; empty before a measurement."""

    period_s: float
    ticks_s: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        numbers = [number for number, _ in self.ticks_s]
        if numbers != sorted(set(numbers)) or (numbers and numbers[0] < 1):
            raise ValueError(f"numbers of sessions must grow from 1 on, got {numbers}")
        for seconds in (self.period_s, *(seconds for _, seconds in self.ticks_s)):
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"seconds must be above 0, got {seconds}")

    def tick_s(self, num_sessions: int) -> float:
        """Seconds of a tick: straight lines between the measured numbers, and never less than for
        fewer sessions. Above the largest measured number a further session costs as much as the
        sessions so far do on average. Raises ValueError without a measurement."""
        if not self.ticks_s:
            raise ValueError("no tick has been measured")
        points = self._never_falling()
        numbers = [number for number, _ in points]
        at = bisect_left(numbers, num_sessions)
        if at == len(points):
            last, last_s = points[-1]
            return last_s * num_sessions / last
        if at == 0:
            return points[0][1]
        (low, low_s), (high, high_s) = points[at - 1], points[at]
        return low_s + (high_s - low_s) * (num_sessions - low) / (high - low)

    def slots(self, *, at_least: int, at_most: int, full_load: float = FULL_LOAD) -> int:
        """The most sessions whose tick takes at most `full_load` of a period, between `at_least`
        and `at_most`. Never more than the largest measured number, unless `at_least` is more."""
        largest = self.ticks_s[-1][0] if self.ticks_s else 0
        fits = at_least
        for number in range(at_least + 1, min(at_most, largest) + 1):
            if self.tick_s(number) > full_load * self.period_s:
                break
            fits = number
        return fits

    def to_json(self) -> str:
        ticks_ms = {str(number): round(1e3 * seconds, 3) for number, seconds in self.ticks_s}
        return json.dumps({"period_ms": round(1e3 * self.period_s, 3), "ticks_ms": ticks_ms})

    @classmethod
    def from_json(cls, text: str | bytes) -> "CapacityCurve":
        """Raises ValueError if the text is not a curve."""
        shown = from_fields(_Shown, json.loads(text))
        try:
            ticks_ms = sorted((int(number), float(ms)) for number, ms in shown.ticks_ms.items())
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not the ticks of a curve: {error}") from error
        return cls(
            period_s=shown.period_ms / 1e3,
            ticks_s=tuple((number, ms / 1e3) for number, ms in ticks_ms),
        )

    def _never_falling(self) -> list[tuple[int, float]]:
        """A larger batch that was faster was only luckier."""
        points: list[tuple[int, float]] = []
        most_s = 0.0
        for number, seconds in self.ticks_s:
            most_s = max(most_s, seconds)
            points.append((number, most_s))
        return points


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    period_ms: float
    ticks_ms: Mapping[str, float]
