"""Passages: pieces of held-out play to dream after. Chosen by actions and poses, never by looks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.recording import Recording, clip_starts
from training.evaluate.reader.network import BEFORE

_MOVING_FRAMES = 16
_LEAST_MOVING = 0.5  # of those frames, with a key down or a turn
_LEAST_STEP, _LEAST_TURN_DEG = 1.0, 1.0  # map units and degrees, from before them to their last


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
    recordings: Sequence[Recording],
    *,
    count: int,
    context_frames: int,
    num_frames: int,
    is_moving: bool = False,
) -> list[Passage]:
    """`count` passages spread evenly over all recordings; with `is_moving` only such in which the
    hands are not at rest most of the time and the player gets somewhere, or looks elsewhere. Raises
    ValueError when no recording is long enough."""
    length = context_frames + num_frames
    candidates = [
        (recording, int(first))
        for recording in recordings
        for first in clip_starts(recording.cuts, length)
        if not is_moving or _moves(recording, first + context_frames)
    ]
    if not candidates:
        raise ValueError(f"no held-out recording has {length} frames without a cut")
    picked = np.linspace(0, len(candidates) - 1, count).astype(int)
    return [
        _cut_out(recording, first, context_frames, num_frames)
        for recording, first in (candidates[i] for i in picked)
    ]


def _moves(recording: Recording, begins: int) -> bool:
    """Whoever only fires, or walks against a wall, shows the same picture again: it takes hands and
    feet. Where poses were not recorded (all zero), the hands alone."""
    following = slice(begins, begins + _MOVING_FRAMES)
    if recording.actions[following].any(axis=1).mean() < _LEAST_MOVING:
        return False
    step = recording.poses[following][-1] - recording.poses[begins - 1]
    turned_deg = abs((step[2] + 180.0) % 360.0 - 180.0)
    is_elsewhere = np.hypot(*step[:2]) >= _LEAST_STEP or turned_deg >= _LEAST_TURN_DEG
    return bool(is_elsewhere) or not recording.poses.any()


def _cut_out(recording: Recording, first: int, context_frames: int, num_frames: int) -> Passage:
    begins = first + context_frames
    return Passage(
        context=recording.part(first, begins),
        following=recording.part(begins, begins + num_frames),
    )
