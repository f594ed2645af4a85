"""What records play: a game with a scripted player."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from training.data.recording import Recording


@dataclass(frozen=True, slots=True)
class HeldInput:
    """The buttons held in one frame, and the turn in degrees (positive to the right)."""

    down: frozenset[str] = frozenset()
    yaw_deg: float = 0.0


class Recorder(Protocol):
    """A game with a scripted player. Must be picklable: other processes record the episodes."""

    def record(self, *, num_frames: int, seed: int, then: Sequence[HeldInput] = ()) -> Recording:
        """Records `num_frames` frames of scripted play, then one frame for each entry of `then`;
        the same seed with another `then` shows the game's answer to another input. Only `seed`
        decides the play. The first frame follows no action (all zeros)."""
        ...
