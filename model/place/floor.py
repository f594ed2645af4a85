"""The part of a place where a body can stand, and the floor's height: a grid. Knows no game."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorSpec:
    """Position of a grid: the outer edges in the west and in the south, and the width of a cell
    (map units)."""

    west: float
    south: float
    cell: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Floor:
    """`room_HW[row, column]` is the distance from the middle of a cell to the nearest point where
    no body can stand (map units; negative where no body can stand). `height_HW` is the highest
    floor under a body. Row 0 is the southmost, column 0 the westmost."""

    spec: FloorSpec
    room_HW: NDArray[np.float32]
    height_HW: NDArray[np.float32]

    @property
    def free_HW(self) -> NDArray[np.bool_]:
        """Cells whose middle can be stood on."""
        return np.asarray(self.room_HW >= 0)

    @property
    def plan_HW(self) -> NDArray[np.uint8]:
        """An image of the floor, north up: 255 where a body can stand, else 0."""
        return np.ascontiguousarray(self.free_HW[::-1].astype(np.uint8) * 255)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Outer edges of the plan in map units: west, south, east, north."""
        height, width = self.room_HW.shape
        spec = self.spec
        return (
            spec.west,
            spec.south,
            spec.west + width * spec.cell,
            spec.south + height * spec.cell,
        )

    def middles(self, least_room: float = 0.0) -> NDArray[np.float64]:
        """x, y of the middles of cells with so much room (N, 2), row by row."""
        rows, columns = np.nonzero(self.room_HW >= least_room)
        spec = self.spec
        x, y = spec.west + (columns + 0.5) * spec.cell, spec.south + (rows + 0.5) * spec.cell
        return np.stack([x, y], axis=1)

    def is_free(self, x: float, y: float) -> bool:
        """The cell of that spot can be stood on."""
        return self.room(x, y) >= 0.0

    def room(self, x: float, y: float) -> float:
        """`room_HW` of the cell at a point; no room outside of the grid."""
        row, column = self._cell(x, y)
        height, width = self.room_HW.shape
        inside = 0 <= row < height and 0 <= column < width
        room: float = self._rooms[row][column] if inside else -self.spec.cell
        return room

    def height(self, x: float, y: float) -> float:
        """`height_HW` of the cell at a point, or of the nearest cell."""
        row, column = self._cell(x, y)
        height, width = self.height_HW.shape
        nearest = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
        return float(self._heights[nearest[0]][nearest[1]])

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        spec = self.spec
        return int((y - spec.south) // spec.cell), int((x - spec.west) // spec.cell)

    # Plain floats: to read one out of an array takes ten times as long.
    @cached_property
    def _rooms(self) -> list[list[float]]:
        rooms: list[list[float]] = self.room_HW.astype(float).tolist()
        return rooms

    @cached_property
    def _heights(self) -> list[list[float]]:
        heights: list[list[float]] = self.height_HW.astype(float).tolist()
        return heights
