"""What gives way at overload, in which order, and how it comes back. Plain Python, no clock.

The ladder (rung 0 is full quality): fewer denoise steps, then a lower frame rate, equal for
everybody. Beyond its last rung only the waiting line helps: the slots say how many may play.
"""

from collections.abc import Iterable
from dataclasses import dataclass

FPS_SHARES = (0.75, 0.5, 0.35)
_SMOOTHING_S = 0.4  # a single stall (a garbage collection, a prefill) is no overload
_FALL_AFTER_S = 0.8
_FALL_LOAD = 0.98  # of the period
_CLIMB_LOAD = 0.85  # expected on the rung above
_FIRST_CLIMB_S, _LONGEST_CLIMB_S = 2.0, 64.0
_FAILED_CLIMB_S = 8.0  # falling again sooner than this means that the climb was wrong
_FIXED_PASSES = 1.5  # remembering and decoding a frame, in denoise passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One way of serving: denoise steps per frame, frames per second."""

    steps: int
    fps: float


def make_rungs(step_counts: Iterable[int], default_steps: int, fps: float) -> tuple[Rung, ...]:
    """Full quality first; `step_counts` are those the world's sampler offers."""
    counts = sorted((n for n in step_counts if n <= default_steps), reverse=True)
    fewer_steps = [Rung(steps=steps, fps=fps) for steps in counts]
    slower = [Rung(steps=counts[-1], fps=fps * share) for share in FPS_SHARES]
    return (*fewer_steps, *slower)


class Ladder:
    """Owns the rung that everybody on the replica is served at. Falls after a spell of steps that
    cost more than their period, climbs when the rung above should fit, and waits longer after a
    climb that did not hold."""

    def __init__(self, rungs: tuple[Rung, ...]) -> None:
        self._rungs = rungs
        self.level = 0
        self._climb_after_s = _FIRST_CLIMB_S
        self._cost_s = 0.0
        self._over_s = self._fits_s = self._on_rung_s = 0.0
        self._has_climbed = False

    @property
    def rung(self) -> Rung:
        return self._rungs[self.level]

    def observe(self, cost_s: float) -> bool:
        """One step cost `cost_s` seconds. True if the rung has changed."""
        period_s = 1.0 / self.rung.fps
        passed_s = max(cost_s, period_s)
        bounded_s = min(cost_s, 2 * period_s)
        share = period_s / _SMOOTHING_S if self._on_rung_s else 1.0
        self._cost_s += min(1.0, share) * (bounded_s - self._cost_s)
        self._on_rung_s += passed_s
        self._over_s = self._over_s + passed_s if self._cost_s > _FALL_LOAD * period_s else 0.0
        self._fits_s = self._fits_s + passed_s if self._above_fits(self._cost_s) else 0.0
        if self._over_s >= _FALL_AFTER_S and self.level + 1 < len(self._rungs):
            self._fall()
            return True
        if self._fits_s >= self._climb_after_s:
            self._climb()
            return True
        if self._on_rung_s >= 2 * _LONGEST_CLIMB_S:
            self._climb_after_s = _FIRST_CLIMB_S
        return False

    def reset(self) -> None:
        """Nobody plays: the next player starts at full quality."""
        self._climb_after_s = _FIRST_CLIMB_S
        self._move(-self.level)

    def _above_fits(self, cost_s: float) -> bool:
        if self.level == 0:
            return False
        above = self._rungs[self.level - 1]
        growth = (above.steps + _FIXED_PASSES) / (self.rung.steps + _FIXED_PASSES)
        return cost_s * growth < _CLIMB_LOAD / above.fps

    def _fall(self) -> None:
        if self._has_climbed and self._on_rung_s < _FAILED_CLIMB_S:
            self._climb_after_s = min(2 * self._climb_after_s, _LONGEST_CLIMB_S)
        self._move(+1)

    def _climb(self) -> None:
        self._move(-1)
        self._has_climbed = True

    def _move(self, by: int) -> None:
        self.level += by
        self._over_s = self._fits_s = self._on_rung_s = 0.0
        self._has_climbed = False
