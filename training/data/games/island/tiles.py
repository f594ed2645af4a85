"""The island's tile set: 16 x 16 pixels a tile, drawn from `sprites` and a palette of one style.

Shape letters: T tiles, S pixels of a tile's side (16), 3 or 4 colour channels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.games.island import sprites
from training.data.games.island.palette import BEATS, METALS, SLOT, STYLES, Shades, Style

SIDE = 16
Tile = NDArray[np.uint8]

GROUNDS = (
    "grass", "sand", "water", "stone", "path", "tree", "coal", "iron", "diamond", "lava", "table",
    "furnace",
)  # fmt: skip  # a table
_BENEATH = {"tree": "grass", "coal": "stone", "iron": "stone", "diamond": "stone",
            "table": "path", "furnace": "stone"}  # fmt: skip  # a table
FIGURES = (
    "none", "player_left", "player_right", "player_up", "player_down", "player_sleep", "cow",
    "zombie", "skeleton", "arrow_left", "arrow_right", "arrow_up", "arrow_down", "sapling",
    "plant_ripe",
)  # fmt: skip  # a table
ITEMS = (
    "health", "food", "drink", "energy", "sapling", "wood", "stone", "coal", "iron", "diamond",
    "wood_pickaxe", "stone_pickaxe", "iron_pickaxe", "wood_sword", "stone_sword", "iron_sword",
)  # fmt: skip  # a table
_FLOORS = ("grass", "sand", "path")
LIGHTS = ("day", "dusk", "night", "dawn", "asleep")
_TINTS = np.array(
    [(1.0, 1.0, 1.0), (1.0, 0.8, 0.62), (0.42, 0.49, 0.74), (0.84, 0.78, 0.92), (0.34, 0.32, 0.46)]
)


@dataclass(frozen=True, slots=True)
class TileSet:
    """Every tile there is, uint8: `map_LGFSS3` by light, ground and figure; `items_I10SS3` by item
    and count (0 to 9), `clock_4SS3` by the light outside, `beats_3SS3` by the frames since the last
    step of the game: what happens next then follows from what is seen."""

    map_LGFSS3: NDArray[np.uint8]
    items_I10SS3: NDArray[np.uint8]
    clock_4SS3: NDArray[np.uint8]
    beats_3SS3: NDArray[np.uint8]


def draw(style: int = 0) -> TileSet:
    """The tile set of one of STYLES; the same bytes on every machine."""
    chosen = STYLES[style]
    figures = [_figure(name, chosen) for name in FIGURES]
    grounds = [_ground(name, chosen) for name in GROUNDS]
    lit = np.stack([[_over(ground, figure) for figure in figures] for ground in grounds])
    tinted = lit[None] * _TINTS[:, None, None, None, None]
    return TileSet(
        tinted.round().astype(np.uint8),
        np.stack([[_item(name, count, chosen) for count in range(10)] for name in ITEMS]),
        np.stack([_over(_slot(), _art(sprites.ICONS[name], chosen, 3, 1)) for name in LIGHTS[:4]]),
        np.stack([_beat(i) for i in range(3)]),
    )


def occurs(ground: str, figure: str) -> bool:
    """Whether the rules ever put this figure on this ground."""
    if figure == "none":
        return True
    if figure in ("sapling", "plant_ripe"):
        return ground == "grass"
    if figure.startswith("arrow"):
        return ground in (*_FLOORS, "water", "lava")
    return ground in _FLOORS or (figure.startswith("player") and ground == "lava")


def _rgb(code: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(code), np.uint8)


def _art(text: str, style: Style, top: int = 0, left: int = 0) -> Tile:
    """A drawing as (16, 16, 4), its first pixel at (`top`, `left`)."""
    tile = np.zeros((SIDE, SIDE, 4), np.uint8)
    for y, row in enumerate(text.split()):
        whole = row.ljust(8, ".") + row.ljust(8, ".")[::-1] if len(row) <= 8 else row
        for x, letter in enumerate(whole):
            if letter != "." and y + top < SIDE and x + left < SIDE:
                tile[y + top, x + left] = (*_rgb(style.colours[letter]), 255)
    return tile


def _over(ground: Tile, figure: Tile) -> Tile:
    return np.where(figure[..., 3:] > 0, figure[..., :3], ground)


def _figure(name: str, style: Style) -> Tile:
    if name == "none":
        return np.zeros((SIDE, SIDE, 4), np.uint8)
    if name == "player_right":
        return _art(sprites.FIGURES["player_left"], style)[:, ::-1]
    if name.startswith("arrow"):
        left = _art(sprites.FIGURES["arrow_left"], style)
        turned: dict[str, Tile] = {
            "arrow_left": left, "arrow_right": left[:, ::-1],
            "arrow_up": left.transpose(1, 0, 2), "arrow_down": left.transpose(1, 0, 2)[::-1],
        }  # fmt: skip  # a table
        return turned[name]
    return _art(sprites.FIGURES[name], style)


def _ground(name: str, style: Style) -> Tile:
    beneath = _BENEATH.get(name, name)
    tile = _texture(beneath, style.shades[beneath])
    return _over(tile, _art(sprites.GROUNDS[name], style)) if name in sprites.GROUNDS else tile


_STROKES = {  # (row, column, length, shade): 1 light, 2 dark
    "grass": ((2, 3, 1, 2), (3, 2, 1, 2), (3, 4, 1, 2), (6, 11, 1, 1), (7, 10, 1, 1), (7, 12, 1, 1),
              (11, 5, 1, 2), (12, 4, 1, 2), (12, 6, 1, 2), (13, 13, 2, 1), (9, 1, 2, 1)),
    "sand": ((2, 4, 2, 2), (4, 11, 1, 1), (7, 7, 1, 2), (9, 2, 2, 1), (11, 12, 2, 2),
             (13, 6, 1, 1)),
    "water": ((3, 2, 4, 1), (4, 6, 2, 1), (4, 12, 3, 2), (8, 9, 4, 1), (9, 13, 2, 1), (8, 2, 3, 2),
              (12, 3, 4, 1), (13, 7, 2, 1), (13, 12, 3, 2)),
    "stone": ((3, 3, 5, 2), (4, 8, 2, 2), (2, 4, 4, 1), (8, 10, 5, 2), (7, 10, 4, 1), (9, 9, 1, 2),
              (12, 2, 5, 2), (11, 3, 3, 1), (13, 7, 2, 2)),
    "path": ((2, 10, 2, 2), (1, 10, 2, 1), (5, 4, 3, 2), (4, 4, 3, 1), (9, 12, 2, 2), (8, 12, 2, 1),
             (12, 5, 2, 2), (11, 5, 2, 1)),
    "lava": ((2, 2, 5, 1), (3, 6, 4, 1), (6, 10, 4, 1), (7, 8, 3, 1), (10, 3, 5, 1), (11, 7, 3, 1),
             (13, 11, 4, 1), (5, 2, 3, 2), (9, 12, 3, 2), (13, 3, 4, 2)),
}  # fmt: skip  # a table


def _texture(name: str, shades: Shades) -> Tile:
    tile = np.broadcast_to(_rgb(shades[0]), (SIDE, SIDE, 3)).copy()
    for row, column, length, shade in _STROKES[name]:
        tile[row, column : column + length] = _rgb(shades[shade])
    return tile


def _slot() -> Tile:
    tile = np.broadcast_to(_rgb(SLOT[0]), (SIDE, SIDE, 3)).copy()
    tile[0] = tile[:, 0] = _rgb(SLOT[2])
    return tile


def _beat(lit: int) -> Tile:
    """Three dots, one of them lit."""
    tile = _slot()
    for i in range(3):
        tile[6:10, 2 + 5 * i : 5 + 5 * i] = _rgb(BEATS[0] if i == lit else BEATS[1])
    return tile


def _item(name: str, count: int, style: Style) -> Tile:
    """An icon with its count; where there is none, its shadow."""
    *metal, kind = name.split("_")
    if metal:
        style = style.with_colours(METALS[metal[0]])
    icon = _art(sprites.ICONS[kind], style, 1, 1)
    tile = _over(_slot(), icon)
    if not count:
        shadow = 0.8 * _slot() + 0.2 * tile
        return shadow.round().astype(np.uint8)
    rows = sprites.DIGITS[count].split()
    glyph = np.array([[int(pixel) for pixel in row] for row in rows], bool)
    tile[9:16, 10:16] = _rgb(SLOT[2])
    tile[10:15, 12:15][glyph] = 255
    return tile
