"""What the island looks like: 144 x 112 pixels, the map of 9 x 5 tiles around the player above the
inventory of 9 x 2. Every picture is a table of tiles; `Glance` is that table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from crafter import objects
from numpy.typing import NDArray

from training.data.games.island.rules import AREA, MATERIALS, Island
from training.data.games.island.tiles import FIGURES, GROUNDS, ITEMS, LIGHTS, SIDE, TileSet

COLUMNS, MAP_ROWS, ITEM_ROWS = 9, 5, 2
WIDTH, HEIGHT = COLUMNS * SIDE, (MAP_ROWS + ITEM_ROWS) * SIDE
MIDDLE = (MAP_ROWS // 2, COLUMNS // 2)  # row and column of the player
_TWILIGHT, _NIGHT = 0.5, 0.2  # daylight below which it is dusk or dawn, and night
_GROUND_OF = np.array([GROUNDS.index(name or "water") for name in MATERIALS])
_FACINGS = {(-1, 0): "left", (1, 0): "right", (0, -1): "up", (0, 1): "down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """`ground_RC` and `figure_RC` (5, 9) number GROUNDS and FIGURES; `counts_I` (16,) counts ITEMS;
    `light` numbers LIGHTS, `clock` the first four of them; `beat`: frames since the last step."""

    ground_RC: NDArray[np.int64]
    figure_RC: NDArray[np.int64]
    counts_I: NDArray[np.int64]
    light: int
    clock: int
    beat: int


def look(island: Island, beat: int) -> Glance:
    """What the player of a game sees `beat` frames after its last step."""
    player = island.player
    left, top = int(player.pos[0]) - MIDDLE[1], int(player.pos[1]) - MIDDLE[0]
    around = np.pad(island.materials, COLUMNS)  # outside is the sea: material 0
    seen_CR = around[left + COLUMNS : left + 2 * COLUMNS, top + COLUMNS :][:, :MAP_ROWS]
    figure_RC = np.zeros((MAP_ROWS, COLUMNS), np.int64)
    for thing in island.creatures:
        column, row = int(thing.pos[0]) - left, int(thing.pos[1]) - top
        if 0 <= column < COLUMNS and 0 <= row < MAP_ROWS:
            figure_RC[row, column] = FIGURES.index(_figure_of(thing))
    clock = _clock(island)
    return Glance(
        ground_RC=_GROUND_OF[seen_CR.T],
        figure_RC=figure_RC,
        counts_I=np.array([player.inventory[name] for name in ITEMS]),
        light=LIGHTS.index("asleep") if player.sleeping else clock,
        clock=clock,
        beat=beat,
    )


def render(glance: Glance, tiles: TileSet) -> NDArray[np.uint8]:
    """(112, 144, 3)."""
    cells = np.empty((MAP_ROWS + ITEM_ROWS, COLUMNS, SIDE, SIDE, 3), np.uint8)
    cells[:MAP_ROWS] = tiles.map_LGFSS3[glance.light, glance.ground_RC, glance.figure_RC]
    items = tiles.items_I10SS3[np.arange(len(ITEMS)), glance.counts_I]
    slots = [*items, tiles.beats_3SS3[glance.beat], tiles.clock_4SS3[glance.clock]]
    cells[MAP_ROWS:] = np.reshape(slots, (ITEM_ROWS, COLUMNS, SIDE, SIDE, 3))
    return cells.transpose(0, 2, 1, 3, 4).reshape(HEIGHT, WIDTH, 3)


def _figure_of(thing: Any) -> str:
    if isinstance(thing, objects.Player):
        facing = _FACINGS[int(thing.facing[0]), int(thing.facing[1])]
        return "player_sleep" if thing.sleeping else f"player_{facing}"
    if isinstance(thing, objects.Arrow):
        return f"arrow_{_FACINGS[int(thing.facing[0]), int(thing.facing[1])]}"
    if isinstance(thing, objects.Plant):
        return "plant_ripe" if thing.ripe else "sapling"
    return type(thing).__name__.lower()


def _clock(island: Island) -> int:
    if island.daylight >= _TWILIGHT:
        return LIGHTS.index("day")
    if island.daylight < _NIGHT:
        return LIGHTS.index("night")
    return LIGHTS.index("dawn" if island.is_morning else "dusk")


assert AREA > 2 * COLUMNS
