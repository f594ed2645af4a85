"""The island itself: Crafter's rules (PyPI `crafter`, MIT; Hafner, arXiv 2109.06780) in real time.

What differs from Crafter, so that it is a game for hands instead of for reinforcement learning:

- the land ends in beaches and the sea;
- needs (food, drink, energy) run down NEEDS times as slowly, a day is DAY_STEPS long;
- at night there is a third of the zombies;
- creatures are counted in an order of their own, so that the same seed is the same game.

None of Crafter's pictures is shown; `view` draws the island.
"""

from collections.abc import Iterable
from typing import Any

import crafter
import numpy as np
from crafter import objects
from numpy.typing import NDArray

AREA = 64
MATERIALS = (
    None, "water", "grass", "stone", "path", "sand", "tree", "lava", "coal", "iron", "diamond",
    "table", "furnace",
)  # fmt: skip  # by Crafter's own numbers
BUTTONS = (
    "left", "right", "up", "down", "do", "sleep", "place_stone", "place_table", "place_furnace",
    "place_plant", "make_wood_pickaxe", "make_stone_pickaxe", "make_iron_pickaxe",
    "make_wood_sword", "make_stone_sword", "make_iron_sword",
)  # fmt: skip  # Crafter's actions, in its order, after "noop"
WALKABLE = ("grass", "path", "sand")
NEEDS = 4
DAY_STEPS = 600
MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_SEA, _BEACH = 6, 9  # tiles from the edge
_LEAST_LIGHT = 0.6  # one zombie a meadow instead of three
_COUNTERS = ("_hunger", "_thirst", "_fatigue")


class Island(crafter.Env):  # type: ignore[misc]
    """One game. `step_with` plays a button or none; everything else is for looking."""

    def __init__(self, seed: int) -> None:
        super().__init__(area=(AREA, AREA), view=(9, 7), size=(9, 7), seed=seed, length=0)
        self._sem_view = lambda: None
        self.dawn = 0  # steps into the day at which the game begins
        self.steps = 0
        self.reset()
        self._surround()

    @property
    def player(self) -> Any:
        return self._player

    @property
    def random(self) -> np.random.RandomState:
        random: np.random.RandomState = self._world.random
        return random

    @property
    def materials(self) -> NDArray[np.uint8]:
        """(AREA, AREA) by x and y, numbers of MATERIALS."""
        materials: NDArray[np.uint8] = self._world._mat_map
        return materials

    @property
    def creatures(self) -> list[Any]:
        """Everything that is not land, the player too."""
        return list(self._world.objects)

    @property
    def daylight(self) -> float:
        """1 at noon, near 0 at midnight."""
        return float(self._world.daylight)

    @property
    def is_morning(self) -> bool:
        """Whether the day is getting brighter."""
        return (self._progress() % 1) < 0.5

    def at(self, x: int, y: int) -> tuple[str | None, Any]:
        """The material and the creature there; (None, None) outside."""
        found: tuple[str | None, Any] = self._world[x, y]
        return found

    def ahead(self) -> tuple[str | None, Any]:
        """What the player faces."""
        (x, y), (dx, dy) = self.player.pos, self.player.facing
        return self.at(x + dx, y + dy)

    def step_with(self, button: str | None) -> None:
        """One step of the rules."""
        before = [getattr(self.player, name) for name in _COUNTERS]
        self.step(0 if button is None else 1 + BUTTONS.index(button))
        for name, value in zip(_COUNTERS, before, strict=True):
            if (now := getattr(self.player, name)) > value:
                setattr(self.player, name, value + (now - value) / NEEDS)
        self.steps += 1

    def put_player(self, x: int, y: int) -> None:
        """On a free tile, as if it had walked there."""
        self._world.move(self.player, (x, y))

    def render(self, size: object = None) -> None:
        """Crafter draws a picture each step; this one is drawn by `view`, and only if needed."""

    def _progress(self) -> float:
        return float(self._step + self.dawn) / DAY_STEPS + 0.5

    def _update_time(self) -> None:
        """From 0, midnight, to 1, the next: Crafter's own curve."""
        self._world.daylight = 1 - np.abs(np.cos(np.pi * (self._progress() % 1))) ** 3

    def _balance_chunk(self, chunk: Any, objs: Iterable[Any]) -> None:
        """Zombies come by the light: never as many as in the dark of reinforcement learning."""
        daylight = self._world.daylight
        self._world.daylight = max(daylight, _LEAST_LIGHT)
        super()._balance_chunk(chunk, sorted(objs, key=lambda thing: tuple(thing.pos)))
        self._world.daylight = daylight

    def _surround(self) -> None:
        """Sea and beaches along the edge, as wide as the noise of their place says."""
        edge = np.arange(AREA)
        near = np.minimum(edge, AREA - 1 - edge)
        depth = np.minimum(near[:, None], near[None])
        pace = np.array([0.37, 0.31, 0.83, 0.7])[:, None]
        a, b, c, d = np.sin(pace * edge + self.random.uniform(0, 2 * np.pi, 4)[:, None])
        wave = 1.3 * a[:, None] * b + c[:, None] + d
        materials = self.materials
        materials[depth + wave < _BEACH] = MATERIALS.index("sand")
        materials[depth + wave < _SEA] = MATERIALS.index("water")
        for thing in self.creatures:
            if self.at(*thing.pos)[0] not in WALKABLE and not isinstance(thing, objects.Player):
                self._world.remove(thing)
