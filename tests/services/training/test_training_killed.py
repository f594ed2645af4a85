"""A real job in a real process, killed like a crashed machine: the service starts the job again."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.training.launchers.local import LocalLauncher
from services.training.recordings.catalog import RecordingsCatalog
from services.training.runs.record import RunState
from services.training.runs.service import RunService
from services.training.runs.store import RunStore
from training.job_state import Progress

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.asyncio,
    pytest.mark.timeout(600),
]

PATIENCE_S = 280.0
SHORT = {"steps": 20, "record.train_frames": 400, "record.held_out_frames": 400}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs", tmp_path / "registry")


def run_service(store: RunStore, launcher: LocalLauncher, data: Path) -> RunService:
    return RunService(
        store, launcher, RecordingsCatalog({}), data=data, max_running=1, min_free_mb=0
    )


async def until(service: RunService, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        await service.watch()
        await asyncio.sleep(0.1)


async def test_a_killed_job_goes_on_by_itself_even_under_another_service(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    launcher = LocalLauncher()
    service = run_service(store, launcher, tmp_path)
    run_id = (await service.submit("debug", SHORT)).run_id
    folder = store.folder(run_id)

    def done() -> tuple[str, ...]:
        progress = Progress.read(folder)
        return progress.done if progress else ()

    await until(service, lambda: "record" in done())
    handle = service.find(run_id).handle
    os.killpg(int(handle.split(":")[1]), signal.SIGKILL)

    later = run_service(store, LocalLauncher(grace_s=5), tmp_path)  # the first service is gone too
    try:
        await until(later, lambda: "tokenizer" in done())
        run = later.find(run_id)
        assert (run.state, run.attempt, run.interruptions) == (RunState.RUNNING, 2, 1)
    finally:
        await later.cancel(run_id)
    assert later.find(run_id).state is RunState.CANCELLED
    assert not (await launcher.poll(handle)).is_running

    rows = [json.loads(line) for line in (folder / "tokenizer.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [20]  # neither lost nor repeated
    said = (folder / "log.txt").read_text()
    assert said.count("--- record") == 1 and "--- tokenizer, attempt 2" in said
