"""An action in 28 bytes: held buttons, pressed buttons, mouse totals, sequence number, time.

Knows nothing about worlds: a button is a bit, motion is in mouse counts.
`services/ingest/player/action.js` writes the same bytes; a test compares both files.
"""

import struct
from dataclasses import dataclass, replace

ACTION_VERSION = 1
ACTION_BYTES = 28
_LAYOUT = struct.Struct("<BBHHHiiId")

assert _LAYOUT.size == ACTION_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """The player's input state at one moment. Each message carries the full state, so the next
    message repairs a lost message.

    `held`: bit i is button i of the world's action space, held now.
    `pressed`: buttons pressed since the previous message (a tap shorter than a frame).
    `x_total`, `y_total`: mouse counts since the session began, wrapping at 32 bits.
    `seq`: from 1, grows by 1. `sent_at_ms`: the sender's clock.
    """

    held: int = 0
    pressed: int = 0
    x_total: int = 0
    y_total: int = 0
    seq: int
    sent_at_ms: float = 0.0

    def to_bytes(self) -> bytes:
        return _LAYOUT.pack(
            ACTION_VERSION,
            0,
            self.held,
            self.pressed,
            0,
            self.x_total,
            self.y_total,
            self.seq,
            self.sent_at_ms,
        )

    @classmethod
    def from_bytes(cls, message: bytes) -> "Action":
        """Raises ValueError if the message is not exactly one action of this version."""
        if len(message) != ACTION_BYTES:
            raise ValueError(f"an action has {ACTION_BYTES} bytes, got {len(message)}")
        version, flags, held, pressed, reserved, x, y, seq, sent_at_ms = _LAYOUT.unpack(message)
        if version != ACTION_VERSION:
            raise ValueError(f"action version {ACTION_VERSION} expected, got {version}")
        if flags or reserved:
            raise ValueError("flags and reserved must be 0")
        if seq == 0:
            raise ValueError("seq starts at 1")
        return cls(held=held, pressed=pressed, x_total=x, y_total=y, seq=seq, sent_at_ms=sent_at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameAction:
    """The input of one frame: all actions since the previous frame, merged."""

    held: int
    pressed: int
    dx: int
    dy: int
    seq: int


class ActionMerger:
    """Merges one session's actions between two frames.

    The newest `held` wins, taps add up, motion is the difference of totals. An action with an old
    `seq` is dropped and counted.
    """

    def __init__(self, last_seq: int = 0) -> None:
        self.num_stale = 0
        self._newest = Action(seq=last_seq)
        self._origin: tuple[int, int] | None = None
        self._pressed = 0

    def add(self, action: Action) -> None:
        if action.seq <= self._newest.seq:
            self.num_stale += 1
            return
        if self._origin is None:
            self._origin = (action.x_total, action.y_total)
        self._pressed |= action.pressed
        self._newest = action

    def peek(self) -> FrameAction:
        """Returns the result of `take` without a change of state."""
        newest = self._newest
        origin_x, origin_y = self._origin or (newest.x_total, newest.y_total)
        return FrameAction(
            held=newest.held,
            pressed=self._pressed,
            dx=_wrapped(newest.x_total - origin_x),
            dy=_wrapped(newest.y_total - origin_y),
            seq=newest.seq,
        )

    def take(self) -> FrameAction:
        """Returns the merged action of the next frame and resets taps and motion."""
        merged = self.peek()
        if self._origin is not None:
            self._origin = (self._newest.x_total, self._newest.y_total)
        self._pressed = 0
        return merged

    def let_go(self) -> None:
        """Releases all buttons, for example after a lost peer or a hidden tab."""
        self._newest = replace(self._newest, held=0, pressed=0)
        self._pressed = 0


def _wrapped(difference: int) -> int:
    """A difference of two 32-bit totals, the short way round."""
    return (difference + 2**31) % 2**32 - 2**31
