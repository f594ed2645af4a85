"""The rows of a pass during planning. Integers only; does not decide the order."""

from bisect import bisect_left
from collections.abc import Sequence

from model.engine.scheduling.session import Session
from model.engine.types import CachedFrame, DrawnFrame, PassPlan


class PassRows:
    """Owns the rows of a pass and the number of free rows."""

    def __init__(self, batch_sizes: Sequence[int], *, merge: bool) -> None:
        self.num_free = batch_sizes[-1]
        self._batch_sizes = batch_sizes
        self._merge = merge
        self._cached: list[CachedFrame] = []
        self._drawn: list[DrawnFrame] = []
        self._dropped: list[DrawnFrame] = []

    @property
    def is_empty(self) -> bool:
        return self.num_free == self._batch_sizes[-1]

    @property
    def num_padding(self) -> int:
        num_rows = self._batch_sizes[-1] - self.num_free
        return self._padded(num_rows) - num_rows

    def draw(self, session: Session, frames: Sequence[DrawnFrame], room: int) -> bool:
        """Adds the session's uncached frames, then as many of `frames` as fit into `room` rows.
        True if at least 1 of `frames` fits."""
        num_before = len(session.uncached)
        if num_before:
            self.cache(session, room)
        if num_before and not self._merge:
            return False
        drawn = frames[: max(0, room - num_before)]
        self._drawn += drawn
        self.num_free -= len(drawn)
        return len(drawn) > 0

    def draw_along(self, joint: Sequence[DrawnFrame]) -> None:
        """Adds as many joint frames as fit. The others are dropped for good."""
        fitting = joint[: self.num_free]
        self._drawn += fitting
        self.num_free -= len(fitting)
        self._dropped += joint[len(fitting) :]

    def cache(self, session: Session, room: int) -> None:
        """Adds at most `room` of the session's uncached frames, oldest first."""
        rows = session.uncached[: max(0, room)]
        self._cached += rows
        self.num_free -= len(rows)

    def plan(self) -> PassPlan:
        num_finished = sum(row.is_last for row in self._drawn)
        return PassPlan(
            cached=tuple(self._cached),
            drawn=tuple(self._drawn),
            dropped=tuple(self._dropped),
            batch_size=self._padded(len(self._cached) + len(self._drawn)),
            decode_size=self._padded(num_finished) if num_finished else 0,
        )

    def _padded(self, num_rows: int) -> int:
        return self._batch_sizes[bisect_left(self._batch_sizes, num_rows)]
