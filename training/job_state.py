"""The two files between a job and the training service. Imports no torch.

job.json        the order: written by the service at submission and at resumption, atomically
progress.json   the progress: written by the job alone, atomically
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
    """`registry`: path for publication, reachable by the job. `recordings_folder`: path of given
    recordings, "" for a recipe that records its own play. `recordings`: the operator's name of the
    folder."""

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
    """`attempt`: number of the start that wrote the file. `minutes`: budget of each training stage.
    `max_steps`: bound of each stage, or None. `outcome`: "" while the job runs, then "done" or
    "failed" with a `reason`. `digest`: the published version."""

    attempt: int
    minutes: dict[str, float]
    max_steps: int | None
    done: tuple[str, ...] = ()
    outcome: str = ""
    reason: str = ""
    digest: str = ""

    @property
    def stage(self) -> str:
        """The current stage; "" after the last stage."""
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
        """None before the first write. Raises DamagedFile."""
        path = folder / PROGRESS
        with reading(path, "remove it, and the run begins its stages anew"):
            try:
                content: dict[str, Any] = json.loads(path.read_bytes())
            except FileNotFoundError:
                return None
            return cls(**_known(cls, content) | {"done": tuple(content["done"])})


def _known(kind: type, content: dict[str, Any]) -> dict[str, Any]:
    """Drops fields that a later release added."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in content.items() if name in names}


def replace_file(path: Path, text: str) -> None:
    """Writes atomically, also across a machine crash."""
    with replacing(path) as building:
        building.write_text(text)
