"""What the oracle says of dreams on the island, against the real play of the same hands.

Shape letters: N frames, R C rows and columns of the map's cells, I items.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.data.games.island.oracle import Readings
from training.data.games.island.rules import MOVES
from training.data.games.island.tiles import FIGURES
from training.data.games.island.view import COLUMNS, MAP_ROWS

Place = NDArray[np.float32]  # x and y of the player, in tiles
_NONE = FIGURES.index("none")
_SHIFTS = [(0, 0), *MOVES.values()]


def kept_tiles(
    before: Readings, real: Readings, generated: Readings, moved: Place, frame: int
) -> tuple[int, int]:
    """Of the tiles of the last real frame (`before`) that are still in view at `frame` (0 is the
    first dreamt) and unchanged in the real one, how many the dream shows, and how many there are.
    `moved`: how far the real player has come by then. Tiles with a creature in the real frame,
    whose way nobody can know, are left out."""
    old_RC = _moved_view(before.ground_NRC[0], int(moved[0]), int(moved[1]))
    real_RC = real.ground_NRC[frame]
    is_asked = (old_RC == real_RC) & (real.figure_NRC[frame] == _NONE)
    right = (generated.ground_NRC[frame] == real_RC) & generated.valid_NRC[frame, :MAP_ROWS]
    return int((right & is_asked).sum()), int(is_asked.sum())


def obeyed(
    before: Readings, real: Readings, generated: Readings, is_asked_N: NDArray[np.bool_]
) -> tuple[int, int]:
    """Of the frames in which a button is down, in how many the dream's player looks the same way as
    the real one and the land has moved as it did; and how many there are."""
    ways = [real.player_N[n] == generated.player_N[n] for n in range(len(real))]
    is_right_N = np.array(ways) & (scrolls(before, real) == scrolls(before, generated)).all(axis=1)
    return int((is_right_N & is_asked_N).sum()), int(is_asked_N.sum())


def scrolls(before: Readings, video: Readings) -> NDArray[np.int64]:
    """(N, 2): by which of no step or one of four the land moved since the frame before: the one
    under which most tiles are the same."""
    grounds = np.concatenate((before.ground_NRC[-1:], video.ground_NRC))
    agreed = [
        [
            (_moved_view(old, *shift) == new).mean(where=_moved_view(old, *shift) >= 0)
            for shift in _SHIFTS
        ]
        for old, new in pairwise(grounds)
    ]
    best = np.argmax(agreed, axis=1)
    chosen: NDArray[np.int64] = np.array(_SHIFTS)[best]
    return chosen


def closed_loop(before: Readings, generated: Readings) -> float:
    """The share of the tiles of the last real frame that the last dreamt frame shows, where neither
    shows a creature."""
    is_asked = (before.figure_NRC[0] == _NONE) & (generated.figure_NRC[-1] == _NONE)
    is_same = before.ground_NRC[0] == generated.ground_NRC[-1]
    return float(is_same[is_asked].mean())


def share(pairs: Sequence[tuple[int, int]]) -> float:
    """Of (right, asked) pairs, taken together. NaN where nothing was asked."""
    right, asked = (sum(column) for column in zip(*pairs, strict=True))
    return right / asked if asked else float("nan")


def _moved_view(cells_RC: NDArray[np.int64], dx: int, dy: int) -> NDArray[np.int64]:
    """What of a view is left in it after a walk of dx, dy tiles; -1 where new land comes in."""
    moved_RC = np.full_like(cells_RC, -1)
    rows = slice(max(0, -dy), min(MAP_ROWS, MAP_ROWS - dy))
    columns = slice(max(0, -dx), min(COLUMNS, COLUMNS - dx))
    if rows.start < rows.stop and columns.start < columns.stop:
        moved_RC[rows, columns] = cells_RC[
            rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx
        ]
    return moved_RC
