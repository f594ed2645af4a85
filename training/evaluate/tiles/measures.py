"""The tile oracle's figures of rollouts on the island, against recorded play under the same
actions.

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
    """Counts tiles of the last recorded frame (`before`) that are still in view at `frame` (0: the
    first generated frame) and unchanged in the recording: how many the rollout shows, and how many
    there are. `moved`: the recorded player's movement up to the frame. Tiles with a creature in the
    recorded frame do not count, because creatures move at random."""
    old_RC = _moved_view(before.ground_NRC[0], int(moved[0]), int(moved[1]))
    real_RC = real.ground_NRC[frame]
    is_asked = (old_RC == real_RC) & (real.figure_NRC[frame] == _NONE)
    right = (generated.ground_NRC[frame] == real_RC) & generated.valid_NRC[frame, :MAP_ROWS]
    return int((right & is_asked).sum()), int(is_asked.sum())


def obeyed(
    before: Readings, real: Readings, generated: Readings, is_asked_N: NDArray[np.bool_]
) -> tuple[int, int]:
    """Counts frames with a pressed button: how many show the recorded direction of the player and
    the recorded scroll of the land, and how many there are."""
    ways = [real.player_N[n] == generated.player_N[n] for n in range(len(real))]
    is_right_N = np.array(ways) & (scrolls(before, real) == scrolls(before, generated)).all(axis=1)
    return int((is_right_N & is_asked_N).sum()), int(is_asked_N.sum())


def scrolls(before: Readings, video: Readings) -> NDArray[np.int64]:
    """(N, 2): the step of the land since the previous frame (none or one of four) under which most
    tiles agree."""
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
    """Share of the tiles of the last recorded frame in the last generated frame, where neither
    shows a creature."""
    is_asked = (before.figure_NRC[0] == _NONE) & (generated.figure_NRC[-1] == _NONE)
    is_same = before.ground_NRC[0] == generated.ground_NRC[-1]
    return float(is_same[is_asked].mean())


def share(pairs: Sequence[tuple[int, int]]) -> float:
    """Ratio of the sums of (right, asked) pairs. NaN without asked cases."""
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
