"""Walls, and how a body slides along a wall. Plain arithmetic; knows no game.

The body is an upright square box. The rules are those of Doom's P_TryMove and P_SlideMove
(https://doomwiki.org/wiki/Slide_move), because the recorded games move by the same rules; any place
with walls made of segments fits.
"""

import math

import numpy as np
from numpy.typing import NDArray

_MOST_HITS = 3
_FUDGE = 1 / 32  # of the way is left before a wall
_NEAR_UNITS = 64.0


class Walls:
    """Segments (N, 5): x, y, x, y in map units, and 1 for a segment that blocks only a body on the
    right of its direction, 0 for a segment that blocks from both sides."""

    def __init__(self, segments_N5: NDArray[np.float32], radius: float) -> None:
        """`radius`: half of the box's width. Raises ValueError for another shape."""
        if segments_N5.ndim != 2 or segments_N5.shape[1] != 5:
            raise ValueError(f"walls of five numbers each expected, got {segments_N5.shape}")
        self.segments_N5 = segments_N5
        self._radius = radius
        first, second = segments_N5[:, :2].astype(float), segments_N5[:, 2:4].astype(float)
        self._low, self._high = np.minimum(first, second), np.maximum(first, second)
        self._first, self._along = first, second - first
        self._one_sided = segments_N5[:, 4] > 0
        self._corners = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)]) * radius

    def blocks(self, x: float, y: float) -> bool:
        """True if a box around the point overlaps a wall; a touch is no overlap."""
        here, radius = np.array((x, y)), self._radius
        near = ((here + radius > self._low) & (here - radius < self._high)).all(axis=1)
        if not near.any():
            return False
        offsets = here + self._corners - self._first[near][:, None]
        along = self._along[near][:, None]
        sides = along[..., 0] * offsets[..., 1] - along[..., 1] * offsets[..., 0]
        return bool(((sides.min(axis=1) < 0) & (sides.max(axis=1) > 0)).any())

    def slide(self, x: float, y: float, step_x: float, step_y: float) -> tuple[float, ...]:
        """Where a blocked box ends on the given way (map units), and the next way of the box: up to
        the wall, then along the wall with the rest, around at most three walls; along a single axis
        where no corner of the box meets the wall."""
        way_x, way_y = step_x, step_y
        for _ in range(_MOST_HITS):
            share, wall = self._first_hit(x, y, step_x, step_y)
            if wall is None:
                break
            onward = share - _FUDGE
            if onward > 0.0:
                if self.blocks(x + onward * step_x, y + onward * step_y):
                    break
                x, y = x + onward * step_x, y + onward * step_y
            left = min(1.0, 1.0 - share)
            if left <= 0.0:
                return x, y, way_x, way_y
            step_x, step_y = self._clipped(wall, left * step_x, left * step_y)
            way_x, way_y = step_x, step_y
            if not self.blocks(x + step_x, y + step_y):
                return x + step_x, y + step_y, way_x, way_y
        for side_x, side_y in ((0.0, step_y), (step_x, 0.0)):
            if not self.blocks(x + side_x, y + side_y):
                return x + side_x, y + side_y, way_x, way_y
        return x, y, way_x, way_y

    def _first_hit(
        self, x: float, y: float, step_x: float, step_y: float
    ) -> tuple[float, int | None]:
        """The share of the way after which a leading corner meets a wall, and which."""
        ahead_x = self._radius if step_x > 0 else -self._radius
        ahead_y = self._radius if step_y > 0 else -self._radius
        here, step = np.array((x, y)), np.array((step_x, step_y))
        corners = here + np.array(((ahead_x, ahead_y), (-ahead_x, ahead_y), (ahead_x, -ahead_y)))
        facing = ~self._one_sided | (_cross(self._along, here - self._first) <= 0)
        close = (self._low - _NEAR_UNITS < here) & (self._high + _NEAR_UNITS > here)
        candidates = np.flatnonzero(facing & close.all(axis=1))
        if not len(candidates):
            return 1.0, None
        along, offsets = self._along[candidates], self._first[candidates] - corners[:, None]
        across = _cross(step, along)
        parallel = across == 0
        divisor = np.where(parallel, 1.0, across)
        shares = _cross(offsets, along) / divisor
        places = _cross(offsets, step) / divisor
        meets = ~parallel & (shares >= 0) & (shares <= 1) & (places >= 0) & (places <= 1)
        if not meets.any():
            return 1.0, None
        shares = np.where(meets, shares, np.inf)
        best = int(shares.min(axis=0).argmin())
        return float(shares[:, best].min()), int(candidates[best])

    def _clipped(self, wall: int, step_x: float, step_y: float) -> tuple[float, float]:
        along_x, along_y = self._along[wall].tolist()
        if along_y == 0.0:
            return step_x, 0.0
        if along_x == 0.0:
            return 0.0, step_y
        length = math.hypot(along_x, along_y)
        along_x, along_y = along_x / length, along_y / length
        kept = step_x * along_x + step_y * along_y
        return kept * along_x, kept * along_y


def _cross(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    return product
