"""Passages: pieces of held-out play to dream after. Knows no looks: where they begin is chosen by
length here, and by what the hands do in `asked.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.recording import Recording, TooLittlePlay, clip_starts
from training.evaluate.inverse_dynamics.network import BEFORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """`context` to begin with, and `following`: what the game then showed, and why."""

    context: Recording
    following: Recording

    def led_by_context(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`frames` (T, H, W, 3) that were made to follow, after what a reader must see before."""
        return np.concatenate((self.context.frames[-BEFORE:], frames))

    def from_last(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The last real frame, then `frames`: index n is the n-th that was made."""
        return np.concatenate((self.context.frames[-1:], frames))


def choose_passages(
    recordings: Sequence[Recording], *, count: int, context_frames: int, num_frames: int
) -> list[Passage]:
    """`count` passages spread evenly over all recordings. Raises TooLittlePlay."""
    begins = [
        (recording, first)
        for recording in recordings
        for first in begins_in(recording, context_frames, num_frames)
    ]
    if not begins:
        length = context_frames + num_frames
        raise TooLittlePlay(f"no held-out recording has {length} frames without a cut")
    picked = np.linspace(0, len(begins) - 1, count).astype(int)
    return [
        passage_at(recording, first, context_frames, num_frames)
        for recording, first in (begins[i] for i in picked)
    ]


def begins_in(recording: Recording, context_frames: int, num_frames: int) -> list[int]:
    """The frames that a passage may be dreamt from."""
    firsts = clip_starts(recording.cuts, context_frames + num_frames)
    return [int(first) + context_frames for first in firsts]


def passage_at(recording: Recording, begins: int, context_frames: int, num_frames: int) -> Passage:
    return Passage(
        context=recording.part(begins - context_frames, begins),
        following=recording.part(begins, begins + num_frames),
    )
