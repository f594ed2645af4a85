"""Evaluation clips: pieces of held-out recordings from which a world generates rollouts. Clips are
chosen by length here and by actions in `clip_selection.py`; the content of the images plays no
part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.recording import Recording, TooLittlePlay, clip_starts
from training.evaluate.inverse_dynamics.network import AFTER, BEFORE

FRAME = 16  # the generated frame at which images are compared
NUM_FRAMES = FRAME + AFTER  # generated frames; AFTER more, to read the action of frame FRAME


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationClip:
    """`context`: the recorded frames before a rollout. `following`: the recorded frames and actions
    after the context."""

    context: Recording
    following: Recording

    def with_context(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Generated `frames` (T, H, W, 3) after the BEFORE last context frames, which the inverse
        dynamics model needs."""
        return np.concatenate((self.context.frames[-BEFORE:], frames))

    def from_last(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The last context frame, then `frames`: index n is the n-th generated frame."""
        return np.concatenate((self.context.frames[-1:], frames))


def evenly_spaced_clips(
    recordings: Sequence[Recording], *, count: int, context_frames: int, num_frames: int
) -> list[EvaluationClip]:
    """`count` passages spread evenly over all recordings. Raises TooLittlePlay."""
    begins = [
        (recording, first)
        for recording in recordings
        for first in possible_begins(recording, context_frames, num_frames)
    ]
    if not begins:
        length = context_frames + num_frames
        raise TooLittlePlay(f"no held-out recording has {length} frames without a cut")
    picked = np.linspace(0, len(begins) - 1, count).astype(int)
    return [
        clip_at(recording, first, context_frames, num_frames)
        for recording, first in (begins[i] for i in picked)
    ]


def possible_begins(recording: Recording, context_frames: int, num_frames: int) -> list[int]:
    """Indices of frames at which a rollout may begin."""
    firsts = clip_starts(recording.cuts, context_frames + num_frames)
    return [int(first) + context_frames for first in firsts]


def clip_at(
    recording: Recording, begins: int, context_frames: int, num_frames: int
) -> EvaluationClip:
    return EvaluationClip(
        context=recording.part(begins - context_frames, begins),
        following=recording.part(begins, begins + num_frames),
    )
