"""Every number of players once before the first one: allocations, thread pools, kernel choices.

Without drafts: they would count as wasted. A runner that must meet its shapes beforehand has met
all of them, drafts' too, once it is made (`model.fast.runner`).
"""

from collections.abc import Iterable

from services.generation.frames.ports import Engine
from services.generation.frames.rungs import Rung


def warm_up(engine: Engine, *, slots: int, rungs: Iterable[Rung], still: tuple[float, ...]) -> None:
    """Fills `engine` with 1 to `slots` sessions, steps them in each way that the rungs draw
    frames, and leaves it empty. `still`: the action vector of hands that do nothing."""
    ways = dict.fromkeys((rung.steps, rung.memory) for rung in rungs)
    opened: list[str] = []
    try:
        for slot in range(slots):
            session_id = f"warm-up-{slot}"
            engine.open(session_id, start=0, seed=slot)
            opened.append(session_id)
            for num_steps, memory in ways:
                engine.step(dict.fromkeys(opened, still), num_steps=num_steps, memory=memory)
    finally:
        for session_id in opened:
            engine.close(session_id)
