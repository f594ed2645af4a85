"""Passages in which the player moves and every button and turn is asked for: what is pressed in one
frame of all cannot be scored. Chosen by actions and poses, never by looks.

Shape letters: C candidates, E events (a button, or one way of a camera axis), N frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.recording import Recording, TooLittlePlay
from training.evaluate.inverse_dynamics.following import events
from training.evaluate.inverse_dynamics.output import Actions
from training.evaluate.measures.scores import FRAME, NUM_FRAMES
from training.evaluate.passages import Passage, begins_in, passage_at

LEAST_ASKED = 30  # frames of all passages, for each event
_LEAST_MOVING = 0.5  # of the frames that are scored, with a key down or a turn
_LEAST_STEP, _LEAST_TURN_DEG = 1.0, 1.0  # map units and degrees, from before them to their last


def choose_asked(
    recordings: Sequence[Recording], space: ActionSpace, *, count: int, context_frames: int
) -> list[Passage]:
    """At most `count` passages that share no frame to be dreamt. First those that ask most for the
    rarest event of which there is too little, then what is left, spread evenly. Raises
    TooLittlePlay where nobody moves for long enough."""
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
        passage_at(recordings[found[i].recording], found[i].begins, context_frames, NUM_FRAMES)
        for i in sorted(taken)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    """`asked_E`: in how many of the frames that are scored each event is asked for."""

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
    """The free candidate that asks most for the rarest event that lacks frames; of equals the one
    that asks most for the others. None where none can help."""
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
    """Where passages that move begin, and what each asks for."""
    asked_NE = events(space, Actions.of(space, recording.actions))
    before_NE = np.concatenate((np.zeros_like(asked_NE[:1], np.int64), asked_NE.cumsum(axis=0)))
    return [
        (begins, before_NE[begins + FRAME] - before_NE[begins])
        for begins in begins_in(recording, context_frames, NUM_FRAMES)
        if _moves(recording, begins)
    ]


def _moves(recording: Recording, begins: int) -> bool:
    """Whoever only fires, or walks against a wall, shows the same picture again: it takes hands and
    feet. Where poses were not recorded (all zero), the hands alone."""
    following = slice(begins, begins + FRAME)
    if recording.actions[following].any(axis=1).mean() < _LEAST_MOVING:
        return False
    step = recording.poses[following][-1] - recording.poses[begins - 1]
    turned_deg = abs((step[2] + 180.0) % 360.0 - 180.0)
    is_elsewhere = np.hypot(*step[:2]) >= _LEAST_STEP or turned_deg >= _LEAST_TURN_DEG
    return bool(is_elsewhere) or not recording.poses.any()
