"""Scripted input of a player: which buttons and mouse movements, in which order and for how long.

Knows nothing of networks, clocks or measuring.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from services.wire.action import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A scripted movement of some seconds. Buttons absent from the world are not pressed."""

    held: tuple[str, ...] = ()
    tapped: tuple[str, ...] = ()  # down and up again between two messages, every TAP_EVERY_S
    dx: int = 0  # mouse counts per message
    dy: int = 0
    lasts_s: tuple[float, float]


TAP_EVERY_S = 0.4
# What a world of tiles calls the same thing; a name that it lacks, too, is not pressed.
OTHER_NAMES = {
    "forward": "up", "back": "down", "turn_left": "left", "turn_right": "right", "act": "do",
}  # fmt: skip  # pairs
MOVES = {
    "walk": Move(held=("forward",), lasts_s=(1.0, 3.0)),
    "walk_left": Move(held=("forward",), dx=-10, lasts_s=(0.5, 1.5)),
    "walk_right": Move(held=("forward", "turn_right"), lasts_s=(0.5, 1.5)),
    "turn_left": Move(held=("turn_left",), lasts_s=(0.4, 1.2)),
    "look_right": Move(dx=16, dy=2, lasts_s=(0.3, 1.0)),
    "strafe": Move(held=("left",), lasts_s=(0.4, 1.0)),
    "back": Move(held=("back",), lasts_s=(0.4, 1.0)),
    "tap": Move(tapped=("act",), lasts_s=(0.8, 1.6)),
    "idle": Move(lasts_s=(0.5, 2.0)),
}


# Which moves a player draws from. How often the action changes decides what speculation is worth.
PROFILES: dict[str, tuple[str, ...]] = {
    "mixed": tuple(sorted(MOVES)),
    "hold": ("walk",),
    "tap": ("tap",),
    "sweep": ("look_right", "walk_left"),
    "rest": ("idle",),
    "mash": ("back", "strafe", "tap", "turn_left", "walk"),
}


class ScriptedInput:
    """Generates one player's actions: the current move, held buttons and mouse totals.

    Sends one action per frame period, at a random time within the period. With a fixed phase, all
    actions of a player would wait equally long for the next frame, and the phase would decide the
    measured latency.
    """

    def __init__(
        self,
        *,
        seed: str,
        buttons: Sequence[str],
        fps: float,
        profile: str = "mixed",
        change_rate: float = 1.0,
    ) -> None:
        """`change_rate`: moves last so many times shorter; the action changes more often."""
        self._moves = PROFILES[profile]
        self._change_rate = change_rate
        self._period_s = 1 / fps
        self._moment = 0.0  # of the last action within its period, 0 to 1
        self._random = random.Random(seed)
        self._bits = {name: 1 << i for i, name in enumerate(buttons)}
        self._move = MOVES["idle"]
        self._tick = 0
        self._ticks_left = 0
        self._last = Action(seq=0)

    def next_pause_s(self) -> float:
        """Returns the time between the last and the next action, at most two periods."""
        last, self._moment = self._moment, self._random.random()
        return self._period_s * (1 + self._moment - last)

    def next_action(self, *, sent_at_ms: float) -> Action:
        """Returns the action of the next frame period."""
        if self._ticks_left == 0:
            self._start_move()
        held = self._mask(self._move.held)
        taps = self._mask(self._move.tapped) if self._tick % self._tap_ticks == 0 else 0
        self._last = Action(
            held=held,
            pressed=(held & ~self._last.held) | taps,
            x_total=self._last.x_total + self._move.dx,
            y_total=self._last.y_total + self._move.dy,
            seq=self._last.seq + 1,
            sent_at_ms=sent_at_ms,
        )
        self._tick += 1
        self._ticks_left -= 1
        return self._last

    def _start_move(self) -> None:
        self._move = MOVES[self._random.choice(self._moves)]
        self._tick = 0
        lasts_s = self._random.uniform(*self._move.lasts_s) / self._change_rate
        self._ticks_left = max(1, round(lasts_s / self._period_s))

    @property
    def _tap_ticks(self) -> int:
        return max(1, round(TAP_EVERY_S / self._period_s))

    def _mask(self, names: tuple[str, ...]) -> int:
        return sum(self._bit(name) for name in names)

    def _bit(self, name: str) -> int:
        return self._bits.get(name) or self._bits.get(OTHER_NAMES.get(name, ""), 0)
