"""The content of a run's `run.json`: request and state. Rules, no I/O."""

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
    """Overrides of a resumed run, valid from start number `attempt` on."""

    attempt: int
    overrides: Mapping[str, int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """`overrides`: as submitted; `changes`: added by resumes, in order. `handle`: the launcher's
    handle, "" before the first start. `attempt`: number of starts. `interruptions`: number of
    killed starts since the last request for a start."""

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
        """Returns the currently valid overrides."""
        numbers = dict(self.overrides)
        for change in self.changes:
            numbers |= change.overrides
        return numbers

    def changed(self, overrides: Mapping[str, int | float]) -> "RunRecord":
        """Returns a record with overrides for the next start."""
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
