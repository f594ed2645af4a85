"""Which quality level fits the measured load: down soon, up slowly. Pure: no clock."""

from services.generation.frames.load_estimator import LoadSample
from services.generation.frames.quality_constants import LevelConstants
from services.generation.frames.quality_levels import QualityLevel


class LevelSelector:
    """Owns the current level. Goes down to the first level with a fitting expected load, after a
    spell of overload or of late frames only. Goes up to the highest level with room to spare. A
    level that did not hold is barred, longer each time."""

    def __init__(self, levels: tuple[QualityLevel, ...], constants: LevelConstants) -> None:
        self._levels = levels
        self._constants = constants
        self._index = 0
        self.level = levels[0]  # an attribute: read several times in each pass
        self._cost_s = 0.0  # smoothed, of one frame for every session
        self._over_s = self._late_s = self._fits_s = self._at_level_s = 0.0
        self._was_raised = False
        self._failed = 0  # index of the last level that did not hold
        self._barred_s = 0.0
        self._next_bar_s = constants.first_bar_s

    @property
    def is_exhausted(self) -> bool:
        """The lowest level is overloaded, too."""
        is_lowest = self._index == len(self._levels) - 1
        return is_lowest and self._over_s >= self._constants.lower_after_s

    def observe(self, sample: LoadSample) -> bool:
        """Counts the sample; True when the level has changed."""
        self._count(sample)
        higher = self._level_to_raise_to()
        can_rise = higher < self._index
        self._fits_s = self._fits_s + sample.passed_s if can_rise else 0.0
        self._barred_s = max(0.0, self._barred_s - sample.passed_s)
        if self._at_level_s >= 2 * self._constants.longest_bar_s:
            self._forget_failures()
        if self._must_go_down():
            self._go_down()
            return True
        if self._fits_s >= self._constants.raise_after_s:
            self._move_to(higher)
            self._was_raised = True
            return True
        return False

    def reset(self) -> None:
        """Back to full quality: nobody plays."""
        self._forget_failures()
        self._move_to(0)

    def _count(self, sample: LoadSample) -> None:
        """Smooths the cost, and adds up how long the level has been too much."""
        constants, period_s, cost_s = self._constants, 1.0 / self.level.fps, sample.cost_s
        if sample.is_all_late and self.level.drafts:
            cost_s = max(cost_s, period_s)  # time that shortening saved is not for drafts
        share = period_s / constants.smoothing_s if self._at_level_s else 1.0
        self._cost_s += min(1.0, share) * (min(cost_s, 2 * period_s) - self._cost_s)
        self._at_level_s += sample.passed_s
        limit = constants.full_draft_load if self.level.drafts else constants.full_load
        is_over = self._cost_s > limit * period_s
        self._over_s = self._over_s + sample.passed_s if is_over else 0.0
        self._late_s = self._late_s + sample.passed_s if sample.is_all_late else 0.0

    def _must_go_down(self) -> bool:
        constants, level = self._constants, self.level
        after_s = constants.drop_drafts_after_s if level.drafts else constants.lower_after_s
        is_always_late = self._late_s >= constants.lower_after_shortening_s
        is_too_much = self._over_s >= after_s or (level.short is None and is_always_late)
        return is_too_much and self._index + 1 < len(self._levels)

    def _go_down(self) -> None:
        """Dropping drafts is a level of its own: only without drafts the cost of frames shows."""
        constants = self._constants
        if self._was_raised and self._at_level_s < constants.failed_raise_s:
            self._failed = self._index
            self._barred_s = self._next_bar_s
            self._next_bar_s = min(2 * self._next_bar_s, constants.longest_bar_s)
        lower = range(self._index + 1, len(self._levels))
        if self.level.drafts:
            self._move_to(lower[0])
        else:
            fitting = (n for n in lower if self._expected_load(n) <= constants.lower_load)
            self._move_to(next(fitting, lower[-1]))

    def _level_to_raise_to(self) -> int:
        """Index of the highest level that should fit; the current one if no higher level does."""
        constants = self._constants
        highest = self._failed + 1 if self._barred_s else 0
        for index in range(highest, self._index):
            is_drafting = self._levels[index].drafts
            limit = constants.raise_draft_load if is_drafting else constants.raise_load
            if self._expected_load(index) < limit:
                return index
        return self._index

    def _expected_load(self, index: int) -> float:
        """Load at another level, from the smoothed cost at the current one."""
        level = self._levels[index]
        return self._cost_s * level.frame_cost / self.level.frame_cost * level.fps

    def _forget_failures(self) -> None:
        self._failed = 0
        self._barred_s, self._next_bar_s = 0.0, self._constants.first_bar_s

    def _move_to(self, index: int) -> None:
        self._index, self.level = index, self._levels[index]
        self._over_s = self._late_s = self._fits_s = self._at_level_s = 0.0
        self._was_raised = False
