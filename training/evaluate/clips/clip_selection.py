"""Selects evaluation clips in which the player moves and every button and turn occurs, because an
action that occurs in one frame cannot be scored. Decides by actions and poses, never by images.

Shape letters: C candidates, E events (a button, or one direction of a camera axis), N frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.recording import Recording, TooLittlePlay
from training.evaluate.clips.evaluation_clips import (
    FRAME,
    NUM_FRAMES,
    EvaluationClip,
    clip_at,
    possible_begins,
)
from training.evaluate.inverse_dynamics.following import events
from training.evaluate.inverse_dynamics.output import Actions

LEAST_ASKED = 30  # frames with each event, over all clips
_LEAST_MOVING = 0.5  # share of the scored frames with a button or a turn
_LEAST_STEP, _LEAST_TURN_DEG = (
    1.0,
    1.0,
)  # map units and degrees from the last context frame to the last scored frame


def select_clips(
    recordings: Sequence[Recording], space: ActionSpace, *, count: int, context_frames: int
) -> list[EvaluationClip]:
    """At most `count` clips without common scored frames. First come the clips with most frames of
    the rarest event below LEAST_ASKED, then evenly spaced others. Raises TooLittlePlay for
    recordings in which the player never moves long enough."""
    found = [
        _Candidate(recording=i, begins=begins, asked_E=asked_E)
        for i, recording in enumerate(recordings)
        for begins, asked_E in _moving(recording, space, context_frames)
    ]
    if not found:
        length = context_frames + NUM_FRAMES
        raise TooLittlePlay(f"no held-out recording has {length} frames without a cut, and moves")
    taken = _taken(found, count)
    return [
        clip_at(recordings[found[i].recording], found[i].begins, context_frames, NUM_FRAMES)
        for i in sorted(taken)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """`asked_E`: number of scored frames with each event."""

    recording: int
    begins: int
    asked_E: NDArray[np.int64]

    def overlaps(self, other: "_Candidate") -> bool:
        is_near = abs(self.begins - other.begins) < NUM_FRAMES
        return is_near and self.recording == other.recording


def _taken(found: Sequence[_Candidate], count: int) -> list[int]:
    asked_CE = np.stack([candidate.asked_E for candidate in found])
    free = np.ones(len(found), np.bool_)
    taken: list[int] = []

    def take(index: int) -> None:
        taken.append(index)
        free[[other.overlaps(found[index]) for other in found]] = False

    while len(taken) < count:
        best = _most_telling(asked_CE, asked_CE[taken].sum(axis=0), free)
        if best is None:
            break
        take(best)
    for place in np.linspace(0, len(found) - 1, count - len(taken)):
        left = np.flatnonzero(free)
        if left.size:
            take(int(left[np.abs(left - place).argmin()]))
    return taken


def _most_telling(
    asked_CE: NDArray[np.int64], so_far_E: NDArray[np.int64], free: NDArray[np.bool_]
) -> int | None:
    """The free candidate with most frames of the rarest event that lacks frames; ties go to the
    most frames of the other lacking events. None where no candidate has any."""
    lacking = so_far_E < LEAST_ASKED
    for event in np.argsort(asked_CE.sum(axis=0), kind="stable"):
        asked_C = np.where(free, asked_CE[:, event], 0)
        if lacking[event] and asked_C.any():
            of_others_C = asked_CE[:, lacking].sum(axis=1) / (FRAME * len(so_far_E) + 1)
            return int(np.argmax(np.where(free, asked_C + of_others_C, -1.0)))
    return None


def _moving(
    recording: Recording, space: ActionSpace, context_frames: int
) -> list[tuple[int, NDArray[np.int64]]]:
    """Begins of clips in which the player moves, with the event counts of each."""
    asked_NE = events(space, Actions.of(space, recording.actions))
    before_NE = np.concatenate((np.zeros_like(asked_NE[:1], np.int64), asked_NE.cumsum(axis=0)))
    return [
        (begins, before_NE[begins + FRAME] - before_NE[begins])
        for begins in possible_begins(recording, context_frames, NUM_FRAMES)
        if _moves(recording, begins)
    ]


def _moves(recording: Recording, begins: int) -> bool:
    """A player that only fires, or walks against a wall, shows one image: both the actions and the
    pose must change. Recordings without poses (all zero) count by actions alone."""
    following = slice(begins, begins + FRAME)
    if recording.actions[following].any(axis=1).mean() < _LEAST_MOVING:
        return False
    step = recording.poses[following][-1] - recording.poses[begins - 1]
    turned_deg = abs((step[2] + 180.0) % 360.0 - 180.0)
    is_elsewhere = np.hypot(*step[:2]) >= _LEAST_STEP or turned_deg >= _LEAST_TURN_DEG
    return bool(is_elsewhere) or not recording.poses.any()
