"""What the saved states of a run folder say about its stages."""

from training.loop.state import read_state
from training.run import Run


def has_ended(run: Run, stage: str) -> bool:
    """The stage is trained, and its last call was not cut short."""
    path = run.state(stage)
    return path.exists() and "call" not in read_state(path)


def spent_on(run: Run, stage: str) -> tuple[int, float]:
    """Steps and seconds a stage has taken so far."""
    state = read_state(run.state(stage))
    return state["step"], state["seconds"]
