"""Reads progress of stages from the saved states of a run folder."""

from training.loop.state import read_state
from training.run import Run


def has_ended(run: Run, stage: str) -> bool:
    """The stage has a state, and its last call ended."""
    path = run.state(stage)
    return path.exists() and "call" not in read_state(path)


def spent_on(run: Run, stage: str) -> tuple[int, float]:
    """Steps and seconds of a stage up to now."""
    state = read_state(run.state(stage))
    return state["step"], state["seconds"]
