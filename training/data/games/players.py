"""A scripted player that moves the way people do. Decides hands from what it sees; knows no game
engine and no pixels.

Every mode holds one thing for a while, most of them with nothing else pressed, because a model can
only learn what one key does from frames in which one key is down.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.data.recorder import HeldInput

_STUCK_UNITS = 1.5  # less motion than this in a frame, with a walking key down, is a wall
_STUCK_FRAMES = 3
_OPPOSITE = {"forward": "back", "back": "forward", "left": "right", "right": "left"}


@dataclass(frozen=True, slots=True)
class Sight:
    """What the player goes by: how far each image column is free to walk (any unit, left to
    right over 90 degrees), how far the last frame moved it (map units), and the degrees to the
    right that it would have to turn for its errand."""

    free_W: NDArray[np.float32]
    moved: float
    errand_deg: float = 0.0


Mode = Iterator[HeldInput]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How often a player takes up each mode; sums to 1."""

    cruise: float
    advance_and_retreat: float
    strafe: float
    arc: float
    look: float
    key_turn: float
    idle: float
    wander: float = 0.0
    scan: float = 0.0
    errand: float = 0.0


# One thing at a time: what a small network learns a key from.
STEADY = Habits(
    cruise=0.28, advance_and_retreat=0.14, strafe=0.18, arc=0.06, look=0.12, key_turn=0.10,
    idle=0.12,
)  # fmt: skip  # a table
# The mouse hardly stops, also on the way, and every third thing is a step aside: how people play.
LIVELY = Habits(
    cruise=0.04, advance_and_retreat=0.06, strafe=0.30, arc=0.03, look=0.07, key_turn=0.06,
    idle=0.10, wander=0.26, scan=0.08,
)  # fmt: skip  # a table
# On its way somewhere, through doors and round corners, and now and then what the others do.
BOUND = Habits(
    cruise=0.04, advance_and_retreat=0.05, strafe=0.15, arc=0.02, look=0.06, key_turn=0.05,
    idle=0.06, wander=0.12, scan=0.05, errand=0.40,
)  # fmt: skip  # a table


@dataclass(slots=True)
class ScriptedPlayer:
    """Draws a mode, plays it out, draws the next. Same generator and sights, same hands."""

    rng: np.random.Generator
    key_turn_deg: float
    habits: Habits = STEADY
    _mode: Mode = field(init=False, default_factory=lambda: iter(()))
    _sight: Sight = field(init=False, default_factory=lambda: Sight(np.ones(3, np.float32), 0.0))
    _blocked: int = field(init=False, default=0)
    _last: HeldInput = field(init=False, default_factory=HeldInput)

    def act(self, sight: Sight) -> HeldInput:
        self._sight = sight
        walking = bool(self._last.down & _OPPOSITE.keys())
        self._blocked = self._blocked + 1 if walking and sight.moved < _STUCK_UNITS else 0
        if self._blocked >= _STUCK_FRAMES:
            self._blocked = 0
            self._mode = self._leave_wall(self._last.down)
        held = next(self._mode, None)
        while held is None:
            self._mode = self._draw_mode()
            held = next(self._mode, None)
        self._last = held
        return held

    def _draw_mode(self) -> Mode:
        habits = self.habits
        modes: dict[Callable[[], Mode], float] = {
            self._cruise: habits.cruise,
            self._advance_and_retreat: habits.advance_and_retreat,
            self._strafe: habits.strafe,
            self._arc: habits.arc,
            self._look: habits.look,
            self._key_turn: habits.key_turn,
            self._idle: habits.idle,
            self._wander: habits.wander,
            self._scan: habits.scan,
            self._errand: habits.errand,
        }
        choice = self.rng.choice(len(modes), p=np.array(list(modes.values())))
        return list(modes)[choice]()

    def _cruise(self) -> Mode:
        """Turn towards open space, then walk straight on with nothing but forward held."""
        yield from self._turn_by(self._open_heading())
        if self.rng.random() < 0.5:
            yield from _hold(self._frames(4, 12))
        yield from self._walk(self._frames(10, 40), "forward")

    def _advance_and_retreat(self) -> Mode:
        """Stand still, walk one way, stand still, walk back: each key after rest."""
        first, second = ("forward", "back") if self.rng.random() < 0.6 else ("back", "forward")
        for key in (first, second):
            yield from _hold(self._frames(6, 16))
            yield from self._walk(self._frames(6, 18), key)

    def _strafe(self) -> Mode:
        side = str(self.rng.choice(["left", "right"]))
        with_forward = self.rng.random() < 0.25
        keys = frozenset({side, "forward"}) if with_forward else frozenset({side})
        yield from _hold(self._frames(5, 16), keys)

    def _arc(self) -> Mode:
        yaw = self.rng.choice([-1, 1]) * self.rng.uniform(1.0, self.key_turn_deg)
        keys = frozenset({"forward"})
        yield from _hold(self._frames(8, 24), keys, yaw)

    def _look(self) -> Mode:
        """A hand on a mouse: swings that speed up and slow down, with rests and reversals."""
        for _ in range(self.rng.integers(2, 5)):
            frames = self._frames(4, 16)
            peak = self.rng.choice([-1, 1]) * self.rng.uniform(1.0, 15.0)
            for i in range(frames):
                yield HeldInput(yaw_deg=float(peak * np.sin(np.pi * (i + 0.5) / frames)))
            yield from _hold(self._frames(1, 8))

    def _wander(self) -> Mode:
        """On the way with a hand on the mouse, which swings to both sides and pauses at times."""
        ways = (
            {"forward"},
            {"forward", "left"},
            {"forward", "right"},
            {"left"},
            {"right"},
            {"back"},
        )
        keys = frozenset(ways[self.rng.choice(len(ways), p=(0.6, 0.1, 0.1, 0.07, 0.07, 0.06))])
        for yaw in self._swings(self._frames(16, 48)):
            yield HeldInput(keys, yaw)

    def _scan(self) -> Mode:
        """Looks to one side and straight back, the way somebody searches."""
        yield from (HeldInput(yaw_deg=yaw) for yaw in self._swings(self._frames(12, 36)))
        yield from _hold(self._frames(4, 12))

    def _errand(self) -> Mode:
        """Walks where its errand leads, turning by key or by mouse."""
        speed = self.key_turn_deg if self.rng.random() < 0.4 else self.rng.uniform(3.0, 15.0)
        by_key = speed == self.key_turn_deg
        aside = str(self.rng.choice(["left", "right"])) if self.rng.random() < 0.15 else None
        for _ in range(self._frames(20, 80)):
            turn = self._sight.errand_deg
            yaw = float(np.clip(turn if by_key else turn * 0.4, -speed, speed))
            if by_key:
                yaw = float(np.sign(turn) * speed) if abs(turn) > 0.6 * speed else 0.0
            keys = {"forward"} if abs(turn) < 50.0 else set()
            yield HeldInput(frozenset(keys | ({aside} if aside and keys else set())), yaw)

    def _swings(self, frames: int) -> Iterator[float]:
        """Degrees of each frame: strokes of the mouse, mostly against the one before."""
        side = self.rng.choice([-1.0, 1.0])
        while frames > 0:
            stroke = min(frames, self._frames(3, 9))
            peak = side * self.rng.uniform(1.0, 10.0)
            yield from (float(peak * np.sin(np.pi * (i + 0.5) / stroke)) for i in range(stroke))
            frames -= stroke
            side *= self.rng.choice([-1.0, 1.0], p=(0.75, 0.25))
            if self.rng.random() < 0.3:
                pause = min(frames, self._frames(2, 8))
                yield from (0.0 for _ in range(pause))
                frames -= pause

    def _key_turn(self) -> Mode:
        yaw = self.rng.choice([-1, 1]) * self.key_turn_deg
        yield from _hold(self._frames(5, 26), yaw=yaw)
        yield from _hold(self._frames(1, 8))

    def _idle(self) -> Mode:
        yield from _hold(self._frames(4, 24))
        for _ in range(self.rng.integers(0, 4)):
            yield from _hold(self._frames(1, 14), frozenset({"act"}))
            yield from _hold(self._frames(4, 14))

    def _walk(self, frames: int, key: str) -> Mode:
        """Straight on; now and then the gun goes off on the way."""
        shot = self.rng.integers(frames) if self.rng.random() < 0.2 else frames
        for i in range(frames):
            yield HeldInput(frozenset({key, "act"} if i == shot else {key}))

    def _leave_wall(self, blocked: frozenset[str]) -> Mode:
        """Nobody stays at a wall: step the other way, turn well away, walk off."""
        away = frozenset(_OPPOSITE[key] for key in blocked & _OPPOSITE.keys())
        yield from _hold(self._frames(3, 10), away)
        yield from self._turn_by(float(self.rng.choice([-1, 1]) * self.rng.uniform(60, 180)))
        yield from self._turn_by(self._open_heading())
        yield from self._walk(self._frames(8, 30), "forward")

    def _turn_by(self, degrees: float) -> Mode:
        speed = self.key_turn_deg if self.rng.random() < 0.5 else self.rng.uniform(3.0, 15.0)
        while abs(degrees) > 0.8:
            yaw = float(np.clip(degrees, -speed, speed))
            degrees -= yaw
            yield HeldInput(yaw_deg=yaw)

    def _open_heading(self) -> float:
        """Degrees to a column drawn by its free way, far ones much more often."""
        weights = self._sight.free_W.astype(np.float64) ** 3 + 1e-6
        column = self.rng.choice(len(weights), p=weights / weights.sum())
        across = (column + 0.5) / len(weights) * 2.0 - 1.0
        return float(np.degrees(np.arctan(across)))

    def _frames(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))


def _hold(frames: int, keys: frozenset[str] = frozenset(), yaw: float = 0.0) -> Mode:
    for _ in range(frames):
        yield HeldInput(keys, float(yaw))
