"""The API of runs, over a launcher with scripted jobs."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.telemetry import add_problem_answers
from services.training.launchers.launcher import JobState, LaunchError
from services.training.recordings.catalog import RecordingsCatalog
from services.training.runs.record import RunState
from services.training.runs.routes import run_routes
from services.training.runs.service import MAX_INTERRUPTIONS, MAX_QUEUED, RunService
from services.training.runs.store import RunStore
from tests.services.training.training_kit import (
    FakeLauncher,
    client_of,
    draw_curve,
    refused,
    write_progress,
)
from training.job_state import STAGES, JobOrder

pytestmark = pytest.mark.asyncio


@dataclass(slots=True)
class RunsHarness:
    """The service with routes, store and launcher."""

    data: Path
    launcher: FakeLauncher
    service: RunService
    client: httpx.AsyncClient

    @classmethod
    def open(
        cls,
        data: Path,
        launcher: FakeLauncher,
        *,
        min_free_mb: int = 0,
        keep_days: float | None = None,
    ) -> "RunsHarness":
        store = RunStore(data / "runs", data / "registry")
        catalog = RecordingsCatalog({})
        service = RunService(
            store, launcher, catalog, data=data, max_running=1, min_free_mb=min_free_mb,
            keep_days=keep_days,
        )  # fmt: skip
        app = FastAPI()
        add_problem_answers(app)
        app.include_router(run_routes(service))
        return cls(data, launcher, service, client_of(app))

    async def submit(self, **order: Any) -> str:
        answer = await self.client.post("/v1/runs", json={"recipe": "debug"} | order)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def running(self, **order: Any) -> str:
        run_id = await self.submit(**order)
        await self.service.watch()
        assert (await self.run(run_id))["state"] == "running"
        return run_id

    async def run(self, run_id: str) -> Any:
        return (await self.client.get(f"/v1/runs/{run_id}")).json()

    async def ask(self, run_id: str, what: str) -> httpx.Response:
        return await self.client.post(f"/v1/runs/{run_id}/{what}")

    def folder(self, run_id: str) -> Path:
        return self.data / "runs" / run_id


@pytest.fixture
def harness(tmp_path: Path) -> RunsHarness:
    return RunsHarness.open(tmp_path, FakeLauncher())


async def test_a_run_waits_runs_and_publishes(harness: RunsHarness) -> None:
    run_id = await harness.submit(overrides={"teacher.minutes": 2, "steps": 40})
    assert (await harness.run(run_id))["state"] == "queued"
    await harness.service.watch()
    assert harness.launcher.started == [(run_id, 1)]
    write_progress(harness.folder(run_id), 1, outcome="done", digest="d" * 64)
    await harness.service.watch()
    run = await harness.run(run_id)
    assert (run["state"], run["digest"]) == ("done", "d" * 64)
    assert run["overrides"] == {"teacher.minutes": 2, "steps": 40}


async def test_only_so_many_run_at_once_in_the_order_they_came(harness: RunsHarness) -> None:
    first, second = await harness.running(), await harness.submit()
    await harness.service.watch()
    assert (await harness.run(second))["state"] == "queued"
    write_progress(harness.folder(first), 1, outcome="done")
    await harness.service.watch()
    assert (await harness.run(second))["state"] == "running"


async def test_progress_and_curves_come_from_the_jobs_own_files(harness: RunsHarness) -> None:
    run_id = await harness.running()
    write_progress(harness.folder(run_id), 1, done=("record", "tokenizer"))
    draw_curve(harness.folder(run_id), "tokenizer", 600)
    draw_curve(harness.folder(run_id), "teacher", 900)
    run = await harness.run(run_id)
    stages = {stage["name"]: stage for stage in run["stages"]}
    assert stages["tokenizer"]["progress"] == 1
    assert stages["teacher"]["progress"] == pytest.approx(0.5)
    assert stages["teacher"]["loss"] == pytest.approx(1 / 900)
    others_minutes = (len(STAGES) - 2) * 0.5  # of the stages without a budget
    assert run["progress"] == pytest.approx((0.5 + 1 + 3 / 2) / (1 + 3 + others_minutes))
    answer = await harness.client.get(f"/v1/runs/{run_id}/curves?points=100")
    rows = answer.json()["curves"]["teacher"]
    assert len(rows) == 100 and rows[-1]["step"] == 900


async def test_a_line_that_a_killed_job_left_half_written_is_skipped(harness: RunsHarness) -> None:
    run_id = await harness.running()
    write_progress(harness.folder(run_id), 1)
    draw_curve(harness.folder(run_id), "teacher", 3)
    with (harness.folder(run_id) / "teacher.jsonl").open("a") as curve:
        curve.write('{"step": 4, "sec')
    answer = await harness.client.get(f"/v1/runs/{run_id}/curves")
    assert [row["step"] for row in answer.json()["curves"]["teacher"]] == [1, 2, 3]


async def test_a_run_that_fails_says_why_and_can_be_resumed(harness: RunsHarness) -> None:
    run_id = await harness.running()
    write_progress(harness.folder(run_id), 1, outcome="failed", reason="teacher, step 7: loss nan")
    await harness.service.watch()
    run = await harness.run(run_id)
    assert (run["state"], run["reason"]) == ("failed", "teacher, step 7: loss nan")
    assert (await harness.ask(run_id, "resume")).json()["state"] == "queued"
    await harness.service.watch()
    await harness.service.watch()  # what attempt 1 said is not said of attempt 2
    assert (await harness.run(run_id))["state"] == "running"
    assert harness.launcher.started == [(run_id, 1), (run_id, 2)]


async def test_a_run_is_resumed_with_other_numbers_for_what_is_left(harness: RunsHarness) -> None:
    """With the old numbers a loss of NaN would repeat."""
    run_id = await harness.running(overrides={"teacher.muon_lr": 0.01, "steps": 40})
    said = {"outcome": "failed", "reason": "loss nan", "done": ("record", "tokenizer")}
    write_progress(harness.folder(run_id), 1, **said)
    await harness.service.watch()
    lower = {"overrides": {"teacher.muon_lr": 0.002}}
    answer = await harness.client.post(f"/v1/runs/{run_id}/resume", json=lower)
    assert answer.json()["overrides"] == {"teacher.muon_lr": 0.002, "steps": 40}
    await harness.service.watch()
    assert JobOrder.read(harness.folder(run_id)).overrides == {
        "teacher.muon_lr": 0.002,
        "steps": 40,
    }
    later = RunsHarness.open(harness.data, harness.launcher)
    run = await later.run(run_id)
    assert run["changes"] == [{"attempt": 2, "overrides": {"teacher.muon_lr": 0.002}}]


@pytest.mark.parametrize(
    ("overrides", "detail"),
    [
        ({"tokenizer.lr": 0.001}, "the tokenizer stage is done; submit another run"),
        ({"teacher.muon_lr": 7}, "1e-06 to 0.1 expected"),
        ({"teacher.depth": 7}, "cannot be set"),
    ],
)
async def test_other_numbers_are_refused_as_at_the_start_and_for_what_is_done(
    harness: RunsHarness, overrides: dict[str, float], detail: str
) -> None:
    run_id = await harness.running()
    write_progress(
        harness.folder(run_id), 1, outcome="failed", reason="x", done=("record", "tokenizer")
    )
    await harness.service.watch()
    answer = await harness.client.post(f"/v1/runs/{run_id}/resume", json={"overrides": overrides})
    assert refused(answer, 422, "override-refused", detail)
    assert (await harness.run(run_id))["state"] == "failed"


async def test_a_job_that_ends_without_a_word_shows_the_end_of_its_log(
    harness: RunsHarness,
) -> None:
    run_id = await harness.running()
    (harness.folder(run_id) / "log.txt").write_text("begin\n 10%\r 20%\nNo module named torch\n")
    harness.launcher.end(run_id, 1, exit_status=1)
    await harness.service.watch()
    run = await harness.run(run_id)
    assert run["state"] == "failed"
    assert run["reason"].endswith("status 1: No module named torch")
    log = await harness.client.get(f"/v1/runs/{run_id}/log?lines=2")
    assert log.text == " 20%\nNo module named torch\n"


async def test_a_killed_run_goes_on_by_itself_but_not_for_ever(harness: RunsHarness) -> None:
    run_id = await harness.running()
    for attempt in range(1, MAX_INTERRUPTIONS + 2):
        harness.launcher.end(run_id, attempt, exit_status=-9)
        await harness.service.watch()
    run = await harness.run(run_id)
    assert (run["state"], run["attempt"]) == ("interrupted", MAX_INTERRUPTIONS + 1)
    assert (await harness.ask(run_id, "resume")).status_code == 200
    await harness.service.watch()
    assert (await harness.run(run_id))["state"] == "running"


async def test_a_cancelled_run_is_stopped_and_may_be_resumed(harness: RunsHarness) -> None:
    run_id, waiting = await harness.running(), await harness.submit()
    assert (await harness.ask(run_id, "cancel")).json()["state"] == "cancelled"
    assert harness.launcher.jobs == {}
    assert (await harness.ask(waiting, "cancel")).json()["state"] == "cancelled"
    again = await harness.ask(waiting, "cancel")
    assert refused(again, 409, "wrong-state", "The run is cancelled")
    assert (await harness.ask(run_id, "resume")).json()["state"] == "queued"


async def test_a_run_that_published_just_now_is_not_cancelled(harness: RunsHarness) -> None:
    run_id = await harness.running()
    write_progress(harness.folder(run_id), 1, outcome="done", digest="d" * 64)
    assert refused(await harness.ask(run_id, "cancel"), 409, "wrong-state", "The run is done")
    assert (await harness.run(run_id))["digest"] == "d" * 64


async def test_a_restarted_service_finds_its_runs_again(harness: RunsHarness) -> None:
    running, waiting = await harness.running(), await harness.submit()
    later = RunsHarness.open(harness.data, harness.launcher)
    await later.service.watch()
    assert (await later.run(running))["state"] == "running"
    harness.launcher.jobs.clear()  # the machine was restarted too
    await later.service.watch()
    assert harness.launcher.started == [(running, 1), (running, 2)]
    assert (await later.run(waiting))["state"] == "queued"


async def test_a_start_that_nobody_recorded_is_repeated(harness: RunsHarness) -> None:
    """Killed between start and record: the job's lock prevents two jobs."""
    run_id = await harness.running()
    store = RunStore(harness.data / "runs", harness.data / "registry")
    record = store.get(run_id)
    assert record is not None
    store.note_handle(record, "")
    await harness.service.watch()
    assert harness.launcher.started == [(run_id, 1), (run_id, 2)]


async def is_away(launcher: FakeLauncher, handle: str) -> JobState:
    raise LaunchError("no answer")


async def test_a_launcher_that_cannot_be_asked_changes_nothing(
    harness: RunsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await harness.running()
    monkeypatch.setattr(FakeLauncher, "poll", is_away)
    await harness.service.watch()
    assert (await harness.run(run_id))["state"] == "running"


async def test_a_job_that_cannot_be_stopped_now_still_runs(
    harness: RunsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await harness.running()
    monkeypatch.setattr(FakeLauncher, "stop", is_away)
    assert refused(await harness.ask(run_id, "cancel"), 503, "launcher-away", "no answer")
    assert (await harness.run(run_id))["state"] == "running"


async def test_what_cannot_be_started_fails_with_the_reason(tmp_path: Path) -> None:
    harness = RunsHarness.open(tmp_path, FakeLauncher(fails="no such cluster"))
    run_id = await harness.submit()
    await harness.service.watch()
    assert (await harness.run(run_id))["reason"] == "no such cluster"


async def test_no_run_starts_on_a_full_disk(tmp_path: Path) -> None:
    harness = RunsHarness.open(tmp_path, FakeLauncher(), min_free_mb=10**9)
    run_id = await harness.submit()
    await harness.service.watch()
    run = await harness.run(run_id)
    assert run["state"] == RunState.FAILED and "MB are free" in run["reason"]


@pytest.mark.parametrize(
    "order, kind, detail",
    [
        ({"recipe": "mars"}, "no-such-recipe", "debug, freedoom"),
        ({"overrides": {"teacher.depth": 3}}, "override-refused", "cannot be set"),
        ({"overrides": {"teacher.batch_size": 0}}, "override-refused", "1 to 1024"),
        ({"overrides": {"teacher.batch_size": 2.5}}, "override-refused", "whole number"),
        ({"overrides": {"steps": True}}, "bad-request", ""),
        ({"command": "rm"}, "bad-request", "command"),
    ],
)
async def test_an_order_out_of_bounds_is_refused_by_name(
    harness: RunsHarness, order: dict[str, Any], kind: str, detail: str
) -> None:
    answer = await harness.client.post("/v1/runs", json={"recipe": "debug"} | order)
    assert refused(answer, 422, kind, detail)


async def test_the_line_of_runs_is_bounded(harness: RunsHarness) -> None:
    for _ in range(MAX_QUEUED):
        await harness.submit()
    answer = await harness.client.post("/v1/runs", json={"recipe": "debug"})
    assert refused(answer, 429, "too-many-runs")


async def test_a_run_id_never_leaves_the_folder(harness: RunsHarness) -> None:
    assert refused(await harness.client.get("/v1/runs/..%2f..%2fetc"), 404, "not-found")
    assert refused(
        await harness.client.get("/v1/runs/20260101-000000-abcdef"), 404, "run-not-found"
    )


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b'{"attempt": 1}', b"[]"])
async def test_one_damaged_progress_file_keeps_no_other_run_from_its_turn(
    harness: RunsHarness, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = await harness.running()
    (harness.folder(damaged) / "progress.json").write_bytes(damage)
    for _ in range(3):
        await harness.service.watch()
    assert len([record for record in caplog.records if record.msg == "run not watched"]) == 1
    assert (await harness.run(damaged))["state"] == "running"
    other = await harness.submit()
    assert (await harness.ask(damaged, "cancel")).status_code == 200
    await harness.service.watch()
    assert (await harness.run(other))["state"] == "running"


async def test_a_run_whose_change_cannot_be_written_is_reported_once_and_holds_up_no_other(
    harness: RunsHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended = await harness.running()
    write_progress(harness.folder(ended), 1, outcome="done")
    monkeypatch.setattr(RunStore, "change", full_disk)
    for _ in range(3):
        await harness.service.watch()
    monkeypatch.undo()
    assert len([record for record in caplog.records if record.msg == "run not watched"]) == 1
    await harness.service.watch()
    assert (await harness.run(ended))["state"] == "done"


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


async def test_a_full_disk_is_said_once_and_again_after_there_was_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    harness = RunsHarness.open(tmp_path, FakeLauncher(), min_free_mb=1000)

    def count_after(free_mb: int) -> int:
        usage = shutil._ntuple_diskusage(0, 0, free_mb * 2**20)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        return free_mb

    said = []
    for free_mb in (2000, 10, 10, 2000, 10):
        count_after(free_mb)
        await harness.service.watch()
        said.append(sum("disk nearly full" in record.msg for record in caplog.records))
    assert said == [0, 1, 1, 1, 2]


async def test_a_run_that_has_ended_can_be_deleted_with_all_it_saved(harness: RunsHarness) -> None:
    run_id = await harness.running()
    assert (await harness.client.delete(f"/v1/runs/{run_id}")).status_code == 409
    await harness.ask(run_id, "cancel")
    assert (await harness.client.delete(f"/v1/runs/{run_id}")).status_code == 204
    assert not harness.folder(run_id).exists()
    assert (await harness.client.delete(f"/v1/runs/{run_id}")).status_code == 404


async def test_ended_runs_are_deleted_after_the_days_that_the_operator_sets(tmp_path: Path) -> None:
    harness = RunsHarness.open(tmp_path, FakeLauncher(), keep_days=1e-9)
    run_id, waiting = await harness.running(), await harness.submit()
    write_progress(harness.folder(run_id), 1, outcome="done")
    await harness.service.watch()
    assert not harness.folder(run_id).exists()
    assert (await harness.run(waiting))["state"] == "running"
