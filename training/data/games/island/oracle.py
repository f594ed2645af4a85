"""Reads the island's pictures: the nearest tile of every cell. Exact on drawn frames; how far the
nearest tile is says whether a dreamt one shows a tile at all.

Shape letters: N frames, R C rows and columns of cells, K pixel values of a tile (768).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.games.island.tiles import (
    FIGURES,
    GROUNDS,
    ITEMS,
    LIGHTS,
    SIDE,
    TileSet,
    draw,
    occurs,
)
from training.data.games.island.view import COLUMNS, ITEM_ROWS, MAP_ROWS, MIDDLE

VALID_RMS = 16.0  # of 255: farther from every tile, a cell shows none of them
_ROWS = MAP_ROWS + ITEM_ROWS
_NUM_GROUNDS, _NUM_FIGURES = len(GROUNDS), len(FIGURES)
_FACINGS = {f"player_{way}": way for way in ("left", "right", "up", "down", "sleep")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What N frames show. `ground_NRC` and `figure_NRC` number GROUNDS and FIGURES of the map's
    5 x 9 cells, `light_N` LIGHTS; `counts_NI` the items; `clock_N` and `beat_N` as in `Glance`.
    `misses_NRC` (7 x 9 cells): root mean square distance to the nearest tile, of 255."""

    ground_NRC: NDArray[np.int64]
    figure_NRC: NDArray[np.int64]
    light_N: NDArray[np.int64]
    counts_NI: NDArray[np.int64]
    clock_N: NDArray[np.int64]
    beat_N: NDArray[np.int64]
    misses_NRC: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.light_N)

    @property
    def valid_NRC(self) -> NDArray[np.bool_]:
        return self.misses_NRC <= VALID_RMS

    @property
    def player_N(self) -> list[str | None]:
        """Where the player faces, or "sleep"; None where no player is in the middle."""
        return [_FACINGS.get(FIGURES[i]) for i in self.figure_NRC[:, MIDDLE[0], MIDDLE[1]]]

    def count(self, item: str) -> NDArray[np.int64]:
        return self.counts_NI[:, ITEMS.index(item)]


class TileOracle:
    """Knows one tile set."""

    def __init__(self, tiles: TileSet | None = None) -> None:
        tiles = tiles or draw()
        self._pairs = np.array([(g, f) for g in range(_NUM_GROUNDS) for f in range(_NUM_FIGURES)
                                if occurs(GROUNDS[g], FIGURES[f])])  # fmt: skip  # a table
        grounds, figures = self._pairs.T
        self._map = [_Nearest(tiles.map_LGFSS3[light, grounds, figures])
                     for light in range(len(LIGHTS))]  # fmt: skip  # a table
        self._items = [_Nearest(tiles_10SS3) for tiles_10SS3 in tiles.items_I10SS3]
        self._beat, self._clock = _Nearest(tiles.beats_3SS3), _Nearest(tiles.clock_4SS3)

    def read(self, frames_NHWC: NDArray[np.uint8]) -> Readings:
        num = len(frames_NHWC)
        cells = frames_NHWC.reshape(num, _ROWS, SIDE, COLUMNS, SIDE, 3).transpose(0, 1, 3, 2, 4, 5)
        cells_NRCK = cells.reshape(num, _ROWS, COLUMNS, -1).astype(np.float32)
        light_N, found, misses = self._read_map(cells_NRCK[:, :MAP_ROWS])
        slots = cells_NRCK[:, MAP_ROWS:].reshape(num, ITEM_ROWS * COLUMNS, -1)
        readers = [*self._items, self._beat, self._clock]
        read = [reader(slots[:, i]) for i, reader in enumerate(readers)]
        numbers_NI = np.stack([nearest for nearest, _ in read], axis=1)
        item_misses = np.stack([miss for _, miss in read], axis=1)
        return Readings(
            ground_NRC=self._pairs[found, 0],
            figure_NRC=self._pairs[found, 1],
            light_N=light_N,
            counts_NI=numbers_NI[:, : len(ITEMS)],
            beat_N=numbers_NI[:, -2],
            clock_N=numbers_NI[:, -1],
            misses_NRC=np.concatenate(
                (misses, item_misses.reshape(num, ITEM_ROWS, COLUMNS)), axis=1
            ),
        )

    def _read_map(
        self, cells_NRCK: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """A frame has one light: the one in which its tiles are nearest in all."""
        num = len(cells_NRCK)
        flat = cells_NRCK.reshape(-1, cells_NRCK.shape[-1])
        read = [nearest(flat) for nearest in self._map]
        found, misses = (
            np.stack([each[part].reshape(num, MAP_ROWS, COLUMNS) for each in read], axis=1)
            for part in (0, 1)
        )
        light_N = np.square(misses).sum((2, 3)).argmin(axis=1)
        return light_N, found[np.arange(num), light_N], misses[np.arange(num), light_N]


class _Nearest:
    """The nearest of some tiles, and how far it is (root mean square)."""

    def __init__(self, tiles_TSS3: NDArray[np.uint8]) -> None:
        self._tiles_TK = tiles_TSS3.reshape(len(tiles_TSS3), -1).astype(np.float32)
        self._squares_T = np.square(self._tiles_TK).sum(axis=1)

    def __call__(
        self, cells_MK: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        away_MT = self._squares_T - 2.0 * cells_MK @ self._tiles_TK.T
        nearest = away_MT.argmin(axis=1)
        square = np.square(cells_MK - self._tiles_TK[nearest]).mean(axis=1)
        return nearest, np.sqrt(square.astype(np.float64))
