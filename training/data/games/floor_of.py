"""The floor of a map and its walls: all spots that a player can walk to from the start, by what
the map's own lines say."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.place.floor import Floor, FloorSpec
from training.data.games.doom_map import PLAYER_RADIUS, STEP_UNITS, DoomMap

CELL_UNITS = 4
MARGIN_UNITS = 32
_REACH_UNITS = 32.0  # distances are cut off here: nobody asks further


def floor_of(still: DoomMap) -> Floor:
    """A player is a square box that may touch a wall and not overlap it; where its middle can be is
    drawn at a map unit a pixel, and what is not joined to the start left out."""
    walls = still.walls()[:, :4].reshape(-1, 2, 2).astype(np.int64)
    low = walls.min(axis=(0, 1)) - MARGIN_UNITS
    high = walls.max(axis=(0, 1)) + MARGIN_UNITS
    blocked = np.zeros((high - low)[::-1], np.uint8)
    for wall in walls:
        _draw_blocked(blocked, wall - low)
    reached = _reached(blocked, np.array(still.start()) - low)
    rows, columns = np.nonzero(reached)
    first = np.array((columns.min(), rows.min())) - MARGIN_UNITS
    size = -(-(np.array((columns.max(), rows.max())) + MARGIN_UNITS - first) // CELL_UNITS)
    piece = np.zeros(size[::-1] * CELL_UNITS, np.uint8)
    inside = reached[first[1] :, first[0] :][: piece.shape[0], : piece.shape[1]]
    piece[: inside.shape[0], : inside.shape[1]] = inside
    west, south = (first + low).tolist()
    heights = still.heights(first + low, piece.shape)
    return Floor(
        spec=FloorSpec(west=float(west), south=float(south), cell=float(CELL_UNITS)),
        room_HW=_room(piece),
        height_HW=_highest_under(heights),
    )


def walls_near(still: DoomMap, floor: Floor) -> NDArray[np.float32]:
    """Those of the map's walls that somebody on the floor could meet, as `Walls` wants them."""
    walls = still.walls()
    height, width = floor.room_HW.shape
    spec = floor.spec
    low = np.array((spec.west, spec.south))
    high = low + spec.cell * np.array((width, height))
    ends = walls[:, :4].reshape(-1, 2, 2)
    near = (ends.max(axis=1) > low).all(axis=1) & (ends.min(axis=1) < high).all(axis=1)
    return np.ascontiguousarray(walls[near])


def _draw_blocked(blocked: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
    """Every middle of a box that overlaps the segment: the hull of a box at either end."""
    # A pixel is the unit square above and to the right of its number; touching is allowed.
    low, high = -PLAYER_RADIUS, PLAYER_RADIUS - 1
    offsets = np.array([[low, low], [low, high], [high, high], [high, low]])
    corners = (ends[:, None] + offsets).reshape(-1, 2).astype(np.int32)
    cv2.fillConvexPoly(blocked, cv2.convexHull(corners), 1)


def _reached(blocked: NDArray[np.uint8], start: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Gaps as narrow as the player, which hardly anybody gets through, join nothing."""
    free = cv2.morphologyEx((blocked == 0).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5)))
    _, pieces = cv2.connectedComponents(free, connectivity=4)
    return np.asarray(pieces == pieces[int(start[1]), int(start[0])])


def _room(free: NDArray[np.uint8]) -> NDArray[np.float32]:
    # The distance transform counts from pixel middle to pixel middle: half a pixel too far.
    out = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    into = cv2.distanceTransform(1 - free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    room = np.where(free > 0, out - 0.5, 0.5 - into).clip(-_REACH_UNITS, _REACH_UNITS)
    means: NDArray[np.float32] = _in_cells(room).mean(axis=(1, 3)).astype(np.float32)
    return means


def _highest_under(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    # A little less than the body: what it only touches is not under it.
    box = np.ones((2 * PLAYER_RADIUS - 2, 2 * PLAYER_RADIUS - 2))
    known = np.where(np.isfinite(heights), heights, np.float32(0.0))
    highest = known.copy()
    for level in np.unique(known):
        under = cv2.dilate((known == level).astype(np.uint8), box) > 0
        climbable = under & (level <= known + STEP_UNITS)  # more is a wall
        highest = np.where(climbable & (level > highest), level, highest)
    middle = CELL_UNITS // 2
    return np.ascontiguousarray(_in_cells(highest)[:, middle, :, middle])


def _in_cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = values.shape
    return values.reshape(height // CELL_UNITS, CELL_UNITS, width // CELL_UNITS, CELL_UNITS)
