"""A scripted player of the island: lives by its rules, from the first tree to the diamond, and
between that does what people do: wanders, goes back the same way, fiddles with the keys, rests.

A mode yields one button (or none) a frame. Keys are held until the game has taken so many steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from crafter import objects

from training.data.games.island.paths import is_free, walk_beside
from training.data.games.island.rules import BUTTONS, MOVES, Island

Mode = Iterator[str | None]
_PLANS = (  # what is made in which order, of what, and beside what
    ("wood_pickaxe", {"wood": 1}, ("table",)),
    ("wood_sword", {"wood": 1}, ("table",)),
    ("stone_pickaxe", {"wood": 1, "stone": 1}, ("table",)),
    ("stone_sword", {"wood": 1, "stone": 1}, ("table",)),
    ("iron_pickaxe", {"wood": 1, "coal": 1, "iron": 1}, ("table", "furnace")),
    ("iron_sword", {"wood": 1, "coal": 1, "iron": 1}, ("table", "furnace")),
)
_STATIONS = {"table": {"wood": 2}, "furnace": {"stone": 4}}
_SOURCES = {"wood": "tree", "stone": "stone", "coal": "coal", "iron": "iron", "diamond": "diamond"}
_HUNGRY, _TIRED = 5, 4
_LOOK_AGAIN = 4  # steps on a way before it is found anew: what is wanted may have moved
_BACK = {"left": "right", "right": "left", "up": "down", "down": "up"}


@dataclass(slots=True)
class Settler:
    """Draws a mode, plays it out, draws the next. Same generator and island, same buttons."""

    rng: np.random.Generator
    island: Island
    _mode: Mode = field(default_factory=lambda: iter(()))

    def act(self) -> str | None:
        """The button of the next frame."""
        while True:
            for button in self._mode:
                return button
            self._mode = self._next_mode()

    def _next_mode(self) -> Mode:
        if self.island.player.sleeping:
            return self._rest()
        if self.rng.random() < 0.85 and (need := self._need()) is not None:
            return need
        modes = (self._settle, self._wander, self._out_and_back, self._build, self._fiddle,
                 self._idle, self._garden)  # fmt: skip  # a table
        drawn = self.rng.choice(len(modes), p=(0.42, 0.16, 0.12, 0.1, 0.1, 0.05, 0.05))
        return modes[drawn]()

    def _need(self) -> Mode | None:
        has = self.island.player.inventory
        if (enemy := self._enemy()) is not None and has["health"] > 2:
            return self._fight(enemy)
        if has["drink"] <= self.rng.integers(2, _HUNGRY + 1):
            return self._drink()
        if has["food"] <= self.rng.integers(2, _HUNGRY + 1):
            return self._hunt()
        if has["energy"] <= self.rng.integers(1, _TIRED + 1):
            return self._sleep()
        return None

    def _settle(self) -> Mode:
        """The next thing of the plan: gather what is missing, then make it."""
        has = self.island.player.inventory
        for item, cost, stations in _PLANS:
            if has[item] and self.rng.random() < 0.9:
                continue
            absent = [name for name in stations if not self._is_beside(name)]
            total = dict(cost)
            for name in absent:
                for what, amount in _STATIONS[name].items():
                    total[what] = total.get(what, 0) + amount
            for what, amount in total.items():
                if has[what] < amount:
                    yield from self._gather(what)
                    return
            for name in absent:
                yield from self._place(name)
            yield from self._tap(f"make_{item}")
            return
        yield from self._gather(str(self.rng.choice(list(_SOURCES))))

    def _gather(self, what: str) -> Mode:
        """The next few of a kind, or a walk to look for them."""
        for _ in range(self.rng.integers(1, 4)):
            source = _SOURCES[what]
            if (yield from self._approach(lambda at: self.island.at(*at)[0] == source)):  # noqa: B023
                yield from self._hold("do", 1)
            else:
                yield from self._wander()
                return

    def _drink(self) -> Mode:
        if (yield from self._approach(lambda at: self.island.at(*at)[0] == "water")):
            yield from self._hold("do", int(self.rng.integers(2, 7)))
        else:
            yield from self._wander()

    def _hunt(self) -> Mode:
        def is_cow(at: tuple[int, int]) -> bool:
            return isinstance(self.island.at(*at)[1], objects.Cow)

        for _ in range(8):
            if not (yield from self._approach(is_cow)):
                yield from self._wander()
                return
            food = self.island.player.inventory["food"]
            while isinstance(self.island.ahead()[1], objects.Cow):
                yield from self._hold("do", 1)
            if self.island.player.inventory["food"] > food:
                return

    def _fight(self, enemy: tuple[int, int]) -> Mode:
        kinds = (objects.Zombie, objects.Skeleton)
        if not (yield from self._approach(lambda at: at == enemy, most=4)):
            yield from self._walk(str(self.rng.choice(list(MOVES))), 3)
        for _ in range(8):
            if not isinstance(self.island.ahead()[1], kinds):
                return
            yield from self._hold("do", 1)

    def _sleep(self) -> Mode:
        yield from self._tap("sleep")
        yield from self._rest()

    def _rest(self) -> Mode:
        """Asleep for a while; now and then a key is tried, which does nothing."""
        for _ in range(self.rng.integers(20, 60)):
            if not self.island.player.sleeping:
                return
            if self.rng.random() < 0.03:
                yield from self._tap(str(self.rng.choice(BUTTONS)))
            yield None

    def _wander(self) -> Mode:
        for _ in range(self.rng.integers(1, 5)):
            yield from self._walk(self._open_way(), int(self.rng.integers(2, 9)))

    def _out_and_back(self) -> Mode:
        way, steps = self._open_way(), int(self.rng.integers(1, 6))
        yield from self._walk(way, steps)
        yield from self._pause()
        yield from self._walk(_BACK[way], steps + int(self.rng.integers(0, 2)))

    def _build(self) -> Mode:
        """Puts stones down and takes them up again, or digs into the land."""
        for _ in range(self.rng.integers(1, 5)):
            yield from self._hold(str(self.rng.choice(("place_stone", "do", "do"))), 1)
            if self.rng.random() < 0.5:
                yield from self._walk(str(self.rng.choice(list(MOVES))), 1)

    def _fiddle(self) -> Mode:
        """Any keys, most of which do nothing here."""
        for _ in range(self.rng.integers(2, 7)):
            button = str(self.rng.choice(BUTTONS))
            if button != "sleep" or self.rng.random() < 0.3:
                yield from self._tap(button)

    def _idle(self) -> Mode:
        for _ in range(self.rng.integers(4, 24)):
            yield None

    def _garden(self) -> Mode:
        """Saplings hide in the grass; a planted one grows."""
        if self.island.player.inventory["sapling"] and self.rng.random() < 0.7:
            if (yield from self._approach(lambda at: self._is_lawn(at))):
                yield from self._tap("place_plant")
        elif (yield from self._approach(lambda at: self._is_lawn(at))):
            yield from self._hold("do", int(self.rng.integers(1, 10)))

    def _place(self, name: str) -> Mode:
        material, creature = self.island.ahead()
        if creature is not None or material not in ("grass", "sand", "path"):
            yield from self._approach(lambda at: is_free(self.island, at))
        yield from self._tap(f"place_{name}")

    def _approach(self, wanted, most: int = 15):  # type: ignore[no-untyped-def]
        """Walks up to the nearest wanted thing and faces it; whether that went well."""
        for _ in range(most):
            (x, y), (dx, dy) = self.island.player.pos, self.island.player.facing
            if wanted((int(x + dx), int(y + dy))):
                return True
            way = walk_beside(self.island, wanted)
            if not way:
                return False
            for button in way[:_LOOK_AGAIN]:
                yield from self._hold(button, 1, pause=0.04)
        return False

    def _walk(self, way: str, tiles: int) -> Mode:
        for _ in range(tiles):
            yield from self._hold(way, 1, pause=0.02)
            if self.island.ahead()[0] == "lava":
                return
        yield from self._pause(0.3)

    def _hold(self, button: str, steps: int, pause: float = 0.2) -> Mode:
        """Until the game has taken `steps` steps with it; then perhaps lets go for a moment."""
        if button in MOVES and self._is_lava(button):
            return
        last = self.island.steps + steps
        while self.island.steps < last:
            yield button
        yield from self._pause(pause)

    def _tap(self, button: str) -> Mode:
        yield from self._hold(button, 1, pause=0.0)
        for _ in range(self.rng.integers(0, 4)):
            yield button
        yield from self._pause(0.7)

    def _pause(self, chance: float = 1.0) -> Mode:
        if self.rng.random() < chance:
            for _ in range(self.rng.integers(1, 7)):
                yield None

    def _open_way(self) -> str:
        """Any of the four, mostly one that is free."""
        x, y = (int(at) for at in self.island.player.pos)
        free = [way for way, (dx, dy) in MOVES.items() if is_free(self.island, (x + dx, y + dy))]
        return str(self.rng.choice(free if free and self.rng.random() < 0.9 else list(MOVES)))

    def _is_lava(self, way: str) -> bool:
        (x, y), (dx, dy) = self.island.player.pos, MOVES[way]
        return self.island.at(int(x + dx), int(y + dy))[0] == "lava"

    def _is_lawn(self, at: tuple[int, int]) -> bool:
        return self.island.at(*at) == ("grass", None)

    def _is_beside(self, station: str) -> bool:
        x, y = (int(at) for at in self.island.player.pos)
        around = ((x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1))
        return any(self.island.at(*at)[0] == station for at in around)

    def _enemy(self) -> tuple[int, int] | None:
        player = self.island.player
        for thing in self.island.creatures:
            is_enemy = isinstance(thing, objects.Zombie | objects.Skeleton)
            if is_enemy and player.distance(thing) <= 3:
                return int(thing.pos[0]), int(thing.pos[1])
        return None
