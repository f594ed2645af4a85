"""Response bodies about runs: record, job progress, loss curves."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from services.training.runs.record import RunRecord, RunState
from training.data.atomic_io import DamagedFile
from training.job_state import STAGES, Progress

MAX_CURVE_BYTES = 4 * 2**20
MAX_ROW_BYTES = 4 * 2**10  # of a curve's last rows
MAX_LOG_BYTES = 64 * 2**10
_SHORT_MINUTES = 0.5  # how much of the whole a stage without a budget counts

Row = dict[str, float]  # of a loss curve: step, seconds, and each loss by its name


class StageView(BaseModel):
    """`progress`: 0 to 1; `minutes`: elapsed of `max_minutes`, null without a budget."""

    name: str
    progress: float
    step: int | None = None
    max_steps: int | None = None
    minutes: float | None = None
    max_minutes: float | None = None
    loss: float | None = None


class ChangeView(BaseModel):
    """Overrides valid from start number `attempt` on."""

    attempt: int
    overrides: dict[str, float]


class RunView(BaseModel):
    """`overrides`: the currently valid overrides, including `changes`."""

    id: str
    recipe: str
    overrides: dict[str, float]
    changes: list[ChangeView]
    recordings: str
    state: RunState
    reason: str
    attempt: int
    created_at: str
    changed_at: str
    digest: str
    stage: str  # the one it is in; "" before the first and after the last
    progress: float
    stages: list[StageView]


def view(record: RunRecord, folder: Path) -> RunView:
    progress = _progress_in(folder)
    stages = [_stage(name, progress, folder) for name in STAGES] if progress else []
    return RunView(
        id=record.run_id,
        recipe=record.recipe,
        overrides=record.numbers,
        changes=[
            ChangeView(attempt=change.attempt, overrides=dict(change.overrides))
            for change in record.changes
        ],
        recordings=record.recordings,
        state=record.state,
        reason=record.reason,
        attempt=record.attempt,
        created_at=record.created_at,
        changed_at=record.changed_at,
        digest=record.digest,
        stage=progress.stage if progress else "",
        progress=_overall(stages),
        stages=stages,
    )


def _progress_in(folder: Path) -> Progress | None:
    """A damaged file is as good as none here; the watch over runs reports it."""
    try:
        return Progress.read(folder)
    except DamagedFile:
        return None


def curve(folder: Path, stage: str, *, max_points: int) -> list[Row]:
    """Returns the stage's losses: at most about `max_points` rows, evenly spaced, including the
    newest row."""
    rows = _rows(folder / f"{stage}.jsonl", MAX_CURVE_BYTES)
    stride = max(1, math.ceil(len(rows) / max_points))
    return rows[::-1][::stride][::-1]


def last_lines(path: Path, count: int) -> list[str]:
    """Returns the last lines of a log; of an overwritten progress bar only the final state
    counts."""
    lines = _tail(path, MAX_LOG_BYTES).decode(errors="replace").split("\n")
    return [line.rstrip("\r").rpartition("\r")[2] for line in lines][-count - 1 :]


def _stage(name: str, progress: Progress, folder: Path) -> StageView:
    is_done = name in progress.done
    if name not in progress.minutes:
        return StageView(name=name, progress=float(is_done))
    max_minutes, max_steps = progress.minutes[name], progress.max_steps
    rows = _rows(folder / f"{name}.jsonl", MAX_ROW_BYTES)
    last: Mapping[str, float] = rows[-1] if rows else {"step": 0, "seconds": 0.0}
    spent = last["seconds"] / 60 / max_minutes
    if max_steps is not None:
        spent = max(spent, last["step"] / max_steps)
    return StageView(
        name=name,
        progress=1.0 if is_done else min(spent, 1.0),
        step=int(last["step"]),
        max_steps=max_steps,
        minutes=last["seconds"] / 60,
        max_minutes=max_minutes,
        loss=last.get("loss"),
    )


def _overall(stages: list[StageView]) -> float:
    """Of the whole, each stage counting as long as it may take."""
    weights = [stage.max_minutes or _SHORT_MINUTES for stage in stages]
    done = sum(stage.progress * w for stage, w in zip(stages, weights, strict=True))
    return done / sum(weights) if stages else 0.0


def _rows(path: Path, max_bytes: int) -> list[Row]:
    """Those in the last `max_bytes`; half a line, as a killed process leaves it, is skipped."""
    rows = []
    for line in _tail(path, max_bytes).splitlines():
        try:
            row: dict[str, Any] = json.loads(line)
            values = {k: float(v) for k, v in row.items() if isinstance(v, int | float)}
        except (ValueError, AttributeError):
            continue
        if values.keys() >= {"step", "seconds"}:
            rows.append({k: v for k, v in values.items() if math.isfinite(v)})
    return rows


def _tail(path: Path, max_bytes: int) -> bytes:
    """The end of a file, b"" when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - max_bytes))
            return file.read()
    except FileNotFoundError:
        return b""
