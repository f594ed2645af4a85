"""What records play: a game with a scripted player."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from training.data.recording import Recording


@dataclass(frozen=True, slots=True)
class Hands:
    """Buttons held for one frame, and the turn in degrees (positive to the right)."""

    down: frozenset[str] = frozenset()
    yaw_deg: float = 0.0


class Recorder(Protocol):
    """A game that can be filmed. Must be picklable: films are made in other processes."""

    def record(self, *, num_frames: int, seed: int, then: Sequence[Hands] = ()) -> Recording:
        """`num_frames` frames of scripted play, then one frame for each of `then`: the same film
        with another end shows what the real game answers to a key. Only `seed` decides. The first
        frame has no action before it (all zeros)."""
        ...
