"""Reads one map of a Doom WAD and writes it anew, made still. Knows no game engine.

Format: the unofficial Doom specs, https://doomwiki.org/wiki/WAD and its pages on each lump.
"""

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NO_SIDE = 0xFFFF
_LUMPS = 10  # after a map's name: things, lines, sides, vertices, ..., blockmap
_LINE = np.dtype([
    ("first", "<u2"), ("second", "<u2"), ("flags", "<u2"), ("special", "<u2"), ("tag", "<u2"),
    ("right", "<u2"), ("left", "<u2"),
])  # fmt: skip  # a table
_SIDE = np.dtype([
    ("x", "<i2"), ("y", "<i2"), ("upper", "S8"), ("lower", "S8"), ("middle", "S8"),
    ("sector", "<u2"),
])  # fmt: skip  # a table
_SECTOR = np.dtype([
    ("floor", "<i2"), ("ceiling", "<i2"), ("floor_flat", "S8"), ("ceiling_flat", "S8"),
    ("light", "<i2"), ("special", "<i2"), ("tag", "<i2"),
])  # fmt: skip  # a table
_THING = np.dtype([
    ("x", "<i2"), ("y", "<i2"), ("angle", "<i2"), ("kind", "<i2"), ("flags", "<i2")
])  # fmt: skip  # a table
_IMPASSABLE = 1  # a bit of a line's flags
PLAYER_START = 1
# Columns, lamps, trees, torches: what stands where it is and cannot be picked up or blown up.
STANDING = frozenset({*range(25, 38), *range(41, 49), 54, 55, 56, 57, 70, 85, 86})
STEP_UNITS, BODY_UNITS, PLAYER_RADIUS = 24, 56, 16  # what a player climbs, needs overhead, and is
_LINTEL_UNITS = 4  # an open door leaves so much of itself to be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomMap:
    """A map's lumps by name, in their order. `vertices` (V, 2) in map units; `lines`, `sides`,
    `sectors` and `things` are structured arrays as the format has them."""

    name: str
    lumps: Mapping[str, bytes]

    @classmethod
    def read(cls, wad: Path, name: str) -> "DoomMap":
        """Raises ValueError for a WAD without the map."""
        content = wad.read_bytes()
        number, offset = struct.unpack("<ii", content[4:12])
        entries = list(struct.iter_unpack("<ii8s", content[offset : offset + 16 * number]))
        names = [entry[2].rstrip(b"\0").decode("latin-1") for entry in entries]
        if name.upper() not in names:
            raise ValueError(f"{wad.name} has no map {name.upper()}")
        first = names.index(name.upper()) + 1
        return cls(
            name=name.upper(),
            lumps={
                names[number]: content[entries[number][0] :][: entries[number][1]]
                for number in range(first, first + _LUMPS)
            },
        )

    @property
    def vertices(self) -> NDArray[np.int64]:
        return np.frombuffer(self.lumps["VERTEXES"], "<i2").reshape(-1, 2).astype(np.int64)

    @property
    def lines(self) -> NDArray[np.void]:
        return np.frombuffer(self.lumps["LINEDEFS"], _LINE)

    @property
    def sides(self) -> NDArray[np.void]:
        return np.frombuffer(self.lumps["SIDEDEFS"], _SIDE)

    @property
    def sectors(self) -> NDArray[np.void]:
        return np.frombuffer(self.lumps["SECTORS"], _SECTOR)

    @property
    def things(self) -> NDArray[np.void]:
        return np.frombuffer(self.lumps["THINGS"], _THING)

    def made_still(self, doors: Collection[int]) -> "DoomMap":
        """The map without any changing part: the doors of the given sectors stand open, all other
        doors, lifts and switches are fixed, no light flickers, and of the things only obstacles
        remain. The view is then a function of the player's position and heading."""
        things, lines, sectors = self.things, self.lines.copy(), self.sectors.copy()
        lines["special"] = 0
        sectors["special"] = 0
        for door in doors:
            sectors["ceiling"][door] = self._lowest_ceiling_beside(door) - _LINTEL_UNITS
        kept = np.isin(things["kind"], [PLAYER_START, *STANDING])
        return DoomMap(
            name=self.name,
            lumps=dict(self.lumps)
            | {
                "THINGS": things[kept].tobytes(),
                "LINEDEFS": lines.tobytes(),
                "SECTORS": sectors.tobytes(),
            },
        )

    def write(self, path: Path) -> None:
        """A WAD with this map alone, to load after the original WAD."""
        lumps = [(self.name, b""), *self.lumps.items()]
        directory, offset = [], 12
        for name, content in lumps:
            directory.append(struct.pack("<ii8s", offset, len(content), name.encode("latin-1")))
            offset += len(content)
        header = struct.pack("<4sii", b"PWAD", len(lumps), offset)
        path.write_bytes(header + b"".join(content for _, content in lumps) + b"".join(directory))

    def walls(self) -> NDArray[np.float32]:
        """Segments that a player cannot cross (one-sided, blocked, too high a step, too little
        headroom), in the form of `model.place.walls`."""
        lines, sides, sectors = self.lines, self.sides, self.sectors
        two_sided = (lines["left"] != NO_SIDE) & (lines["right"] != NO_SIDE)
        right = sectors[sides["sector"][lines["right"]]]
        left = sectors[sides["sector"][np.where(two_sided, lines["left"], 0)]]
        low, high = np.minimum(right["ceiling"], left["ceiling"]), right["floor"]
        steps = np.abs(right["floor"].astype(np.int64) - left["floor"])
        room = low.astype(np.int64) - np.maximum(high, left["floor"])
        barred = (lines["flags"] & _IMPASSABLE) != 0
        blocks = ~two_sided | barred | (steps > STEP_UNITS) | (room < BODY_UNITS)
        ends = self.vertices[np.stack([lines["first"], lines["second"]], axis=1)]
        walls = np.concatenate([ends.reshape(-1, 4), ~two_sided[:, None]], axis=1)
        return np.concatenate([walls[blocks].astype(np.float32), self._posts()])

    def _posts(self) -> NDArray[np.float32]:
        """The sides of what stands about, as walls."""
        things = self.things[np.isin(self.things["kind"], list(STANDING))]
        middles = np.stack([things["x"], things["y"]], axis=1).astype(np.float32)
        turns = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)], np.float32) * PLAYER_RADIUS
        corners = middles[:, None] + turns
        ends = np.concatenate([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 4)
        return np.pad(ends, ((0, 0), (0, 1)))

    def heights(self, low: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.float32]:
        """The floor's height at every map unit (rows to the north, columns to the east) from `low`
        on; void is as deep as possible."""
        heights = np.full(shape, -np.inf, np.float32)
        lines, sides = self.lines, self.sides
        ends = self.vertices[np.stack([lines["first"], lines["second"]], axis=1)] - low
        right = sides["sector"][lines["right"]].astype(np.int64)
        left = np.where(lines["left"] == NO_SIDE, -1, sides["sector"][lines["left"] % len(sides)])
        for number, sector in enumerate(self.sectors):
            around = ends[(right == number) != (left == number)]
            if (
                len(around)
                and (around.max((0, 1)) > 0).all()
                and (around.min((0, 1)) < shape[::-1]).all()
            ):
                heights[_inside(around, shape)] = sector["floor"]
        return heights

    def start(self) -> tuple[float, float]:
        things = self.things[self.things["kind"] == PLAYER_START]
        return float(things["x"][0]), float(things["y"][0])

    def _lowest_ceiling_beside(self, sector: int) -> int:
        lines, sides = self.lines, self.sides
        inner = lines[lines["left"] != NO_SIDE]
        right, left = sides["sector"][inner["right"]], sides["sector"][inner["left"]]
        beside = np.concatenate([left[right == sector], right[left == sector]])
        return int(self.sectors["ceiling"][beside[beside != sector]].min())


def _inside(edges: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Unit squares whose centre lies inside the edges (N, 2, 2), by the even-odd rule."""
    inside = np.zeros(shape, np.bool_)
    columns = np.arange(shape[1]) + 0.5
    first, last = max(0, int(edges[..., 1].min())), min(shape[0], int(edges[..., 1].max()))
    x, y = edges[..., 0].astype(float), edges[..., 1].astype(float)
    for row in range(first, last):
        middle = row + 0.5
        crossed = (y.min(axis=1) < middle) & (y.max(axis=1) > middle)
        share = (middle - y[crossed, 0]) / (y[crossed, 1] - y[crossed, 0])
        crossings = np.sort(x[crossed, 0] + share * (x[crossed, 1] - x[crossed, 0]))
        inside[row] = np.searchsorted(crossings, columns) % 2 == 1
    return inside
