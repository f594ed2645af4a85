"""When quality gives way at overload, how far, and how it comes back. Plain Python, no clock.

What gives way, and in which order, is in `rungs.py`; below the last rung newcomers are refused.
"""

from services.generation.frames.rungs import Rung

_SMOOTHING_S = 0.4  # a single stall (a garbage collection, a snapshot) is no overload
_DROP_DRAFTS_AFTER_S = 0.4
_FALL_AFTER_S = 0.6
_FALL_AFTER_HASTE_S = 2.0
_FULL_LOAD = 0.93  # of the period: more leaves no room for ups and downs
_FULL_DRAFT_LOAD = 0.9  # more leaves no time for drafts
_FALL_LOAD = 0.9  # expected on a rung to fall to
_CLIMB_LOAD = 0.85  # expected on a rung to climb to
_DRAFT_LOAD = 0.7  # the same for the rung that also drafts: drafts need room
_CLIMB_AFTER_S = 2.0
_FAILED_CLIMB_S = 8.0  # falling again sooner than this means that the climb was too high
_FIRST_BAN_S, _LONGEST_BAN_S = 4.0, 64.0  # for which that height is not tried again


class Ladder:
    """Owns the rung that everybody on the replica is served at. Falls to the first rung that
    should fit after a spell of frames that left no room in their period, or that were in time by
    haste alone; climbs to the highest that should fit with room to spare. Where a climb did not
    hold it stays lower, longer each time."""

    def __init__(self, rungs: tuple[Rung, ...]) -> None:
        self._rungs = rungs
        self._number = 0
        self._cost_s = 0.0
        self._over_s = self._haste_s = self._fits_s = self._on_rung_s = 0.0
        self._has_climbed = False
        self._failed = 0  # the rung of the last climb that did not hold
        self._banned_s: float = 0.0
        self._next_ban_s: float = _FIRST_BAN_S

    @property
    def rung(self) -> Rung:
        return self._rungs[self._number]

    @property
    def refuses_newcomers(self) -> bool:
        """Nothing is left to give way, and it is still too much."""
        return self._number == len(self._rungs) - 1 and self._over_s >= _FALL_AFTER_S

    def observe(self, cost_s: float, passed_s: float, *, is_pressed: bool = False) -> bool:
        """One frame for everybody cost `cost_s` seconds of the engine, wasted drafts not counted,
        `passed_s` after the last one. `is_pressed`: each was expected to be late, had it not
        been hastened. True if the rung has changed."""
        period_s = 1.0 / self.rung.fps
        if is_pressed and self.rung.speculates:
            cost_s = max(cost_s, period_s)  # what haste saved is not for drafts
        share = period_s / _SMOOTHING_S if self._on_rung_s else 1.0
        self._cost_s += min(1.0, share) * (min(cost_s, 2 * period_s) - self._cost_s)
        self._on_rung_s += passed_s
        limit = _FULL_DRAFT_LOAD if self.rung.speculates else _FULL_LOAD
        is_over, higher = self._cost_s > limit * period_s, self._climbing_to()
        self._over_s = self._over_s + passed_s if is_over else 0.0
        self._haste_s = self._haste_s + passed_s if is_pressed else 0.0
        self._fits_s = self._fits_s + passed_s if higher < self._number else 0.0
        self._banned_s = max(0.0, self._banned_s - passed_s)
        if self._on_rung_s >= 2 * _LONGEST_BAN_S:
            self._forget_failures()
        if self._has_to_fall():
            self._fall()
            return True
        if self._fits_s >= _CLIMB_AFTER_S:
            self._move_to(higher)
            self._has_climbed = True
            return True
        return False

    def reset(self) -> None:
        """Nobody plays: the next player starts at full quality."""
        self._forget_failures()
        self._move_to(0)

    def _has_to_fall(self) -> bool:
        after_s = _DROP_DRAFTS_AFTER_S if self.rung.speculates else _FALL_AFTER_S
        is_always_hasty = self.rung.memory is None and self._haste_s >= _FALL_AFTER_HASTE_S
        has_to = self._over_s >= after_s or is_always_hasty
        return has_to and self._number + 1 < len(self._rungs)

    def _fall(self) -> None:
        """Dropping drafts is a rung of its own: what frames cost without them is seen there."""
        if self._has_climbed and self._on_rung_s < _FAILED_CLIMB_S:
            self._failed = self._number
            self._banned_s = self._next_ban_s
            self._next_ban_s = min(2 * self._next_ban_s, _LONGEST_BAN_S)
        below = range(self._number + 1, len(self._rungs))
        if self.rung.speculates:
            self._move_to(below[0])
        else:
            fitting = (n for n in below if self._expected_load(n) <= _FALL_LOAD)
            self._move_to(next(fitting, below[-1]))

    def _climbing_to(self) -> int:
        """The highest rung that should fit; this one if none above does."""
        highest = self._failed + 1 if self._banned_s else 0
        for number in range(highest, self._number):
            rung = self._rungs[number]
            limit = _DRAFT_LOAD if rung.speculates else _CLIMB_LOAD
            if self._expected_load(number) < limit:
                return number
        return self._number

    def _expected_load(self, number: int) -> float:
        """Share of its period that a frame for everybody would take on that rung."""
        rung = self._rungs[number]
        return self._cost_s * rung.frame_cost / self.rung.frame_cost * rung.fps

    def _forget_failures(self) -> None:
        self._failed = 0
        self._banned_s, self._next_ban_s = 0.0, _FIRST_BAN_S

    def _move_to(self, number: int) -> None:
        self._number = number
        self._over_s = self._haste_s = self._fits_s = self._on_rung_s = 0.0
        self._has_climbed = False
