"""Sizes of a place's map. The state that it is asked for is three numbers and more: x, y (map
units) and the heading (degrees, clockwise from east), then whatever the state model carries."""

import math
from dataclasses import dataclass

SEEN_ENTRIES = 3  # of a state: x, y, heading; nothing else decides what should be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceConfig:
    """`state_size` numbers follow the action in the condition of a frame. The map covers a square
    of `2 * reach` units around `middle_x`, `middle_y`, by a plane of features with `fine` points a
    side and a plane with `coarse`, `channels` features each. Every token column has `rays` of the
    camera's view of `field_deg` degrees; rays meet the planes at `depths` depths up to
    `farthest`."""

    state_size: int
    middle_x: float
    middle_y: float
    reach: float
    farthest: float
    width: int
    num_layers: int
    num_heads: int
    fine: int = 160
    coarse: int = 48
    channels: int = 16
    rays: int = 2
    depths: int = 24
    nearest: float = 16.0
    field_deg: float = 90.0

    def __post_init__(self) -> None:
        if self.state_size < SEEN_ENTRIES:
            raise ValueError(f"a state begins with x, y, heading; got {self.state_size} numbers")
        if not 0.0 < self.nearest < self.farthest or not 0.0 < self.field_deg < 180.0:
            raise ValueError("a view needs 0 < nearest < farthest and 0 < field_deg < 180")
        if self.width % self.num_heads or min(self.rays, self.depths - 2, self.channels) < 1:
            raise ValueError(
                "width must be a multiple of num_heads; rays, depths, channels above 0"
            )

    def ray_angles(self, num_columns: int) -> list[float]:
        """Radians to the right of straight ahead, of every ray from left to right."""
        count = num_columns * self.rays
        half = math.tan(math.radians(self.field_deg) / 2)
        return [math.atan(((ray + 0.5) / count * 2.0 - 1.0) * half) for ray in range(count)]

    def ray_depths(self) -> list[float]:
        """Map units straight ahead: 0, half of the nearest depth, and further depths evenly in
        proportion."""
        count = self.depths - 2
        ratio = (self.farthest / self.nearest) ** (1.0 / max(1, count - 1))
        return [0.0, self.nearest / 2, *(self.nearest * ratio**step for step in range(count))]
