"""Runs every number of sessions once before the first player: allocations, thread pools, kernel
selection.

Without drafts, which would count as wasted. A runner that must meet its shapes beforehand meets all
shapes, of drafts too, while it is made (`model.fast.runner`).
"""

from collections.abc import Iterable

from services.generation.frames.ports import Engine
from services.generation.frames.quality_levels import QualityLevel


def warm_up(
    engine: Engine, *, slots: int, levels: Iterable[QualityLevel], still: tuple[float, ...]
) -> None:
    """Fills `engine` with 1 to `slots` sessions, steps the sessions with the steps and the context
    length of each level, and leaves the engine empty. `still`: the action vector without input."""
    ways = dict.fromkeys((level.steps, level.context_length) for level in levels)
    opened: list[str] = []
    try:
        for slot in range(slots):
            session_id = f"warm-up-{slot}"
            engine.open(session_id, start=0, seed=slot)
            opened.append(session_id)
            for num_steps, context_length in ways:
                actions = dict.fromkeys(opened, still)
                engine.step(actions, num_steps=num_steps, context_length=context_length)
    finally:
        for session_id in opened:
            engine.close(session_id)
