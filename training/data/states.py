"""States of a film's frames: the recorder told where the player stood and looked, the state model
says how it moved."""

import numpy as np
from numpy.typing import NDArray

from model.place.state import STATE_SIZE, State, StateModel, rounded
from training.data.recording import Recording

_LOST_UNITS = 1.0  # further off than this, the player did something else than the model thinks


def states_of(recording: Recording, model: StateModel) -> NDArray[np.float32]:
    """(N, S): positions and headings as recorded; velocity and height as the model carries them
    from frame to frame, at rest in the first frame and after each cut."""
    states = np.empty((len(recording.poses), STATE_SIZE), np.float32)
    state: State = ()
    for frame, (pose, action) in enumerate(zip(recording.poses, recording.actions, strict=True)):
        x, y, heading = (float(value) for value in pose)
        if frame == 0 or recording.cuts[frame]:
            state = model.at(x, y, heading)
        else:
            state = _corrected(model, state, model.advance(state, action.tolist()), x, y, heading)
        states[frame] = state
    return states


def _corrected(
    model: StateModel, before: State, expected: State, x: float, y: float, heading: float
) -> State:
    """The expected state at the pose that was recorded."""
    speed = expected[3:5]
    if max(abs(expected[0] - x), abs(expected[1] - y)) > _LOST_UNITS:
        tics = model.motion.tics
        speed = ((x - before[0]) / tics, (y - before[1]) / tics)
    return rounded((x, y, heading, *speed, *expected[5:]))
