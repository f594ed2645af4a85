"""Arrival times and scripted input of all players, derived from a few numbers.

Knows nothing of networks, clocks or measuring.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from services.wire.action import Action

MAX_USERS = 64
MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Number of players, duration, and the decoding players.

    `seconds`: common play time of all players, from the last arrival. `stagger_s`: mean time
    between two arrivals. `full_every`: players 0, n, 2n... decode the video; 0: no player decodes.
    """

    users: int
    seconds: float
    seed: int = 1
    stagger_s: float = 0.5
    full_every: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.users <= MAX_USERS:
            raise ValueError(f"users must be 1 to {MAX_USERS}, got {self.users}")
        if not 1 <= self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be 1 to {MAX_SECONDS:.0f}, got {self.seconds:g}")
        if not 0 <= self.stagger_s <= 10:
            raise ValueError(f"stagger must be 0 to 10 seconds, got {self.stagger_s:g}")
        if self.full_every < 0:
            raise ValueError(f"full-every must not be negative, got {self.full_every}")

    def arrival_s(self, player: int) -> float:
        """Returns the arrival time of `player` in seconds from the start; the first player arrives
        at 0."""
        if player == 0:
            return 0.0
        jitter = random.Random(f"arrival {self.seed} {player}").uniform(-0.4, 0.4)
        return self.stagger_s * (player + jitter)

    @property
    def length_s(self) -> float:
        """Returns the time from the start until all players leave."""
        return self.arrival_s(self.users - 1) + self.seconds

    def is_full(self, player: int) -> bool:
        return self.full_every > 0 and player % self.full_every == 0

    def scripted_input(self, player: int, *, buttons: Sequence[str], fps: float) -> "ScriptedInput":
        return ScriptedInput(seed=f"hands {self.seed} {player}", buttons=buttons, fps=fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A scripted movement of some seconds. Buttons absent from the world are not pressed."""

    held: tuple[str, ...] = ()
    tapped: tuple[str, ...] = ()  # down and up again between two messages, every TAP_EVERY_S
    dx: int = 0  # mouse counts per message
    dy: int = 0
    lasts_s: tuple[float, float]


TAP_EVERY_S = 0.4
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


class ScriptedInput:
    """Generates one player's actions: the current move, held buttons and mouse totals.

    Sends one action per frame period, at a random time within the period. With a fixed phase, all
    actions of a player would wait equally long for the next frame, and the phase would decide the
    measured latency.
    """

    def __init__(self, *, seed: str, buttons: Sequence[str], fps: float) -> None:
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
        self._move = MOVES[self._random.choice(sorted(MOVES))]
        self._tick = 0
        self._ticks_left = max(1, round(self._random.uniform(*self._move.lasts_s) / self._period_s))

    @property
    def _tap_ticks(self) -> int:
        return max(1, round(TAP_EVERY_S / self._period_s))

    def _mask(self, names: tuple[str, ...]) -> int:
        return sum(self._bits.get(name, 0) for name in names)
