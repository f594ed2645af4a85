"""Shared by tests of the training service: the service over a scripted launcher."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from services.training.launchers.launcher import JobState, LaunchError
from services.training.settings import TrainingSettings
from training.job_state import Progress
from training.registry.registry import INDEX, Registry
from training.registry.version import Controls, Lineage, WorldVersion

TOKEN = "an operator's token of at least thirty-two characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(slots=True)
class FakeLauncher:
    """Scripted jobs. `jobs`: handle -> state."""

    jobs: dict[str, JobState] = field(default_factory=dict)
    started: list[tuple[str, int]] = field(default_factory=list)
    fails: str = ""

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        if self.fails:
            raise LaunchError(self.fails)
        handle = f"{run_id}-{attempt}"
        self.jobs[handle] = JobState(is_running=True)
        self.started.append((run_id, attempt))
        return handle

    async def poll(self, handle: str) -> JobState:
        return self.jobs.get(handle, JobState(is_running=False))

    async def stop(self, handle: str) -> None:
        self.jobs.pop(handle, None)

    def end(self, run_id: str, attempt: int, exit_status: int | None) -> None:
        self.jobs[f"{run_id}-{attempt}"] = JobState(is_running=False, exit_status=exit_status)


def settings(data: Path, redis_url: str = "redis://127.0.0.1:1", **others: Any) -> TrainingSettings:
    chosen: dict[str, Any] = {"min_free_mb": 0} | others
    return TrainingSettings(redis_url=redis_url, operator_token=TOKEN, data=data, **chosen)


def client_of(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://training", headers=headers or BEARER
    )


def refused(answer: httpx.Response, status: int, kind: str, detail: str = "") -> bool:
    """Returns whether the refusal contains `detail`; another kind or status fails the test."""
    content = answer.json()
    assert (answer.status_code, content["type"].rpartition(":")[2]) == (status, kind), content
    return detail in content["detail"]


def write_progress(folder: Path, attempt: int, **fields: Any) -> Progress:
    """Writes a job's progress as the job does."""
    known: dict[str, Any] = {"minutes": {"tokenizer": 1.0, "teacher": 3.0}, "max_steps": None}
    progress = Progress(attempt=attempt, **known | fields)
    progress.write(folder)
    return progress


def draw_curve(folder: Path, stage: str, steps: int, *, seconds_per_step: float = 0.1) -> None:
    rows = [
        {"step": n, "seconds": n * seconds_per_step, "loss": 1.0 / n} for n in range(1, steps + 1)
    ]
    (folder / f"{stage}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


# Figures by which the judge lets a world pass.
GOOD_CARD: dict[str, Any] = {
    "version": 3,
    "yardstick": {"reader": "r", "passages": "p", "precision": "fp32", "num_steps": 2},
    "psnr_16": 22.0,
    "psnr_16_copy_last": 18.0,
    "psnr_16_mean_frame": 17.0,
    "action_f1": 0.8,
    "action_f1_ceiling": 0.9,
    "action_f1_shuffled": 0.1,
    "frechet_student": 10.0,
    "frechet_teacher": None,
    "horizon": [{"frame": 300, "motion_ratio": {"value": 0.9}}],
}


def put_version(registry: Registry, number: int, **fields: Any) -> WorldVersion:
    """Adds a version of world `toy` to the index; no test loads the world."""
    known: dict[str, Any] = {
        "name": "toy",
        "digest": f"{number:x}".ljust(64, "0"),
        "label": str(number),
        "title": "The toy world",
        "created_at": f"2026-01-01T00:00:{number:02d}",
        "run_id": "",
        "controls": Controls(buttons=("forward",), degrees_per_count=0.1),
        "lineage": Lineage(data="d", tokenizer="t", teacher="te", student=str(number)),
        "files": {},
        "card": GOOD_CARD,
    }
    version = WorldVersion(**known | fields)
    folder = registry.folder(version.name, version.digest)
    folder.mkdir(parents=True)
    (folder / INDEX).write_text(version.to_json())
    return version
