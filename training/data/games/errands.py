"""Where a player heads who has somewhere to go: goals all over a floor, and the way to them."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from model.place.floor import Floor

_GRID_CELLS = 4  # a step of the way, in cells of the floor
_ROOM_UNITS = 6.0  # the way keeps so far from walls where it can
_AHEAD_STEPS = 6
_THERE_UNITS = 40.0
_PATIENCE = 500  # frames
_FAR = np.iinfo(np.int32).max
_NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


class Errands:
    """One player's goals, one after the other. Same generator and places, same goals."""

    def __init__(self, floor: Floor, rng: np.random.Generator) -> None:
        self._floor = floor
        self._rng = rng
        coarse = floor.room_HW[_GRID_CELLS // 2 :: _GRID_CELLS, _GRID_CELLS // 2 :: _GRID_CELLS]
        self._is_open = coarse >= _ROOM_UNITS
        self._cells = np.argwhere(self._is_open)
        self._spots = floor.middles(_ROOM_UNITS)
        self._new_goal()

    def spot(self) -> tuple[float, float]:
        """Anywhere on the floor, a little off the walls."""
        x, y = self._spots[self._rng.integers(len(self._spots))]
        return float(x), float(y)

    def heading(self, x: float, y: float) -> float:
        """Degrees, counter-clockwise from east as the game counts, to where the way leads next."""
        here = self._nearest_cell(x, y)
        self._patience -= 1
        if self._patience < 0 or np.hypot(*(self._middle(self._goal) - (x, y))) < _THERE_UNITS:
            self._new_goal()
        towards = here
        for _ in range(_AHEAD_STEPS):
            onward = self._downhill(towards)
            if onward == towards or not self._sees(x, y, onward):
                break
            towards = onward
        if towards == here:
            towards = self._downhill(here)
        east, north = self._middle(towards) - (x, y)
        return float(np.degrees(np.arctan2(north, east)))

    def _new_goal(self) -> None:
        row, column = self._cells[self._rng.integers(len(self._cells))]
        self._goal = (int(row), int(column))
        self._patience = _PATIENCE
        self._steps = _steps_to(self._goal, self._is_open)

    def _downhill(self, cell: tuple[int, int]) -> tuple[int, int]:
        around = [(cell[0] + row, cell[1] + column) for row, column in _NEIGHBOURS]
        return min((cell, *around), key=lambda other: self._steps_at(other))

    def _steps_at(self, cell: tuple[int, int]) -> int:
        height, width = self._steps.shape
        inside = 0 <= cell[0] < height and 0 <= cell[1] < width
        return int(self._steps[cell]) if inside else _FAR

    def _sees(self, x: float, y: float, cell: tuple[int, int]) -> bool:
        there = self._middle(cell)
        along = np.linspace(0.0, 1.0, 12)[:, None]
        return all(self._floor.is_free(*spot) for spot in (1 - along) * (x, y) + along * there)

    def _nearest_cell(self, x: float, y: float) -> tuple[int, int]:
        size = self._floor.spec.cell * _GRID_CELLS
        place = np.array(
            [(y - self._floor.spec.south) / size - 0.5, (x - self._floor.spec.west) / size - 0.5]
        )
        row, column = self._cells[np.abs(self._cells - place).sum(axis=1).argmin()]
        return int(row), int(column)

    def _middle(self, cell: tuple[int, int]) -> NDArray[np.float64]:
        size = self._floor.spec.cell * _GRID_CELLS
        return np.array(
            [
                self._floor.spec.west + (cell[1] + 0.5) * size,
                self._floor.spec.south + (cell[0] + 0.5) * size,
            ]
        )


def _steps_to(goal: tuple[int, int], is_open: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many steps each open cell is from the goal."""
    steps = np.full(is_open.shape, _FAR, np.int32)
    steps[goal] = 0
    todo, (height, width) = deque([goal]), is_open.shape
    while todo:
        row, column = todo.popleft()
        for down, right in _NEIGHBOURS[:4]:
            beside = (row + down, column + right)
            inside = 0 <= beside[0] < height and 0 <= beside[1] < width
            if inside and is_open[beside] and steps[beside] == _FAR:
                steps[beside] = steps[row, column] + 1
                todo.append(beside)
    return steps
