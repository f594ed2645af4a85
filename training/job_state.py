"""The two files through which a job is told what to do and tells how it goes. Imports no torch.

job.json        what to run: written by whoever submits or resumes it, replaced whole
progress.json   how far it is: written by the job alone, replaced whole
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from training.data.atomic_io import reading, replacing

ORDER, PROGRESS, LOG = "job.json", "progress.json", "log.txt"
STAGES = ("record", "tokenizer", "decoder", "map", "teacher", "student", "release", "publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """`registry`: where the world is published, a path that the job can reach; so is the
    `recordings_folder`, "" for a recipe that films by itself. `recordings` is what the operator
    calls it."""

    run_id: str
    recipe: str
    overrides: dict[str, int | float]
    registry: str
    recordings: str = ""
    recordings_folder: str = ""

    def write(self, folder: Path) -> None:
        replace_file(folder / ORDER, json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "JobOrder":
        """Raises FileNotFoundError and DamagedFile."""
        path = folder / ORDER
        with reading(path, "submit the run again"):
            return cls(**_known(cls, json.loads(path.read_bytes())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`attempt`: which start of the job wrote this. `minutes`: the budget of each trained stage;
    `max_steps`: of each, None: no bound. `outcome` is "" while it runs, then "done" or "failed";
    `reason` says why it failed, `digest` names the published version."""

    attempt: int
    minutes: dict[str, float]
    max_steps: int | None
    done: tuple[str, ...] = ()
    outcome: str = ""
    reason: str = ""
    digest: str = ""

    @property
    def stage(self) -> str:
        """The stage it is in; "" after the last."""
        return next((stage for stage in STAGES if stage not in self.done), "")

    def finished(self, stage: str) -> "Progress":
        return replace(self, done=(*self.done, stage))

    def published(self, digest: str) -> "Progress":
        return replace(self.finished("publish"), outcome="done", digest=digest)

    def failed(self, reason: str) -> "Progress":
        return replace(self, outcome="failed", reason=reason)

    def write(self, folder: Path) -> None:
        replace_file(folder / PROGRESS, json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "Progress | None":
        """None before the job has said anything. Raises DamagedFile."""
        path = folder / PROGRESS
        with reading(path, "remove it, and the run begins its stages anew"):
            try:
                content: dict[str, Any] = json.loads(path.read_bytes())
            except FileNotFoundError:
                return None
            return cls(**_known(cls, content) | {"done": tuple(content["done"])})


def _known(kind: type, content: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that a later release added."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in content.items() if name in names}


def replace_file(path: Path, text: str) -> None:
    """Whole or not at all, also when the machine stops."""
    with replacing(path) as building:
        building.write_text(text)
