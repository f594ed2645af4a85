"""A run as its folder's `run.json` holds it: what was asked for, where it stands. Rules, no I/O."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum


class RunState(StrEnum):
    QUEUED = "queued"  # waits for a place
    RUNNING = "running"
    DONE = "done"  # its world is published
    FAILED = "failed"  # `reason` says why; what was saved before is untouched
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # killed again and again; goes on when somebody asks


NEXT_STATES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.FAILED, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(
        {
            RunState.DONE,
            RunState.FAILED,
            RunState.CANCELLED,
            RunState.QUEUED,
            RunState.INTERRUPTED,
        }
    ),
    RunState.DONE: frozenset(),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
    RunState.INTERRUPTED: frozenset({RunState.QUEUED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Numbers that a run was resumed with: they count from its start number `attempt` on."""

    attempt: int
    overrides: Mapping[str, int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """`overrides`: as it was submitted; `changes`: as it was resumed, in order. `handle`: what its
    launcher finds it by, "" while nothing was started. `attempt` counts the starts; `interruptions`
    those that were killed since somebody last asked for a start."""

    run_id: str
    recipe: str
    overrides: Mapping[str, int | float]
    state: RunState
    created_at: str  # ISO 8601, UTC
    changed_at: str
    recordings: str = ""  # by the name that the operator gave them
    reason: str = ""
    handle: str = ""
    attempt: int = 0
    interruptions: int = 0
    digest: str = ""  # of the version that it published
    changes: tuple[Change, ...] = ()

    @property
    def numbers(self) -> dict[str, int | float]:
        """The overrides that count now."""
        numbers = dict(self.overrides)
        for change in self.changes:
            numbers |= change.overrides
        return numbers

    def changed(self, overrides: Mapping[str, int | float]) -> "RunRecord":
        """With numbers that count from its next start on."""
        if not overrides:
            return self
        change = Change(attempt=self.attempt + 1, overrides=overrides)
        return replace(self, changes=(*self.changes, change))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "RunRecord":
        content = json.loads(text)
        changes = tuple(Change(**change) for change in content.get("changes", ()))
        return cls(**content | {"state": RunState(content["state"]), "changes": changes})
