"""Recordings for training: the operator names folders, a run names one folder."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.training.app import create_app
from services.training.recordings.routes import recordings_routes
from services.training.recordings.scanner import SCAN_COMMAND, RecordingsScanner
from tests.services.generation.generation_kit import eventually
from tests.services.training.training_kit import FakeLauncher, client_of, refused, settings
from tests.training.data.vpt.form import said, write
from training.job_state import JobOrder

pytestmark = pytest.mark.asyncio

PATIENCE_S = 60.0


# A run names one


@pytest.fixture
def vpt(tmp_path: Path) -> Path:
    folder = tmp_path / "vpt"
    folder.mkdir()
    return folder


@pytest.fixture
def client(tmp_path: Path, vpt: Path) -> httpx.AsyncClient:
    named = settings(tmp_path, recordings=(f"lab={vpt}", f"gone={tmp_path}/gone"))
    return client_of(create_app(named, FakeLauncher()))


async def submit(client: httpx.AsyncClient, **order: str) -> httpx.Response:
    return await client.post("/v1/runs", json=order)


async def test_a_run_is_told_the_folder_that_it_names(
    client: httpx.AsyncClient, tmp_path: Path, vpt: Path
) -> None:
    run = (await submit(client, recipe="minecraft_small", recordings="lab")).json()
    assert run["recordings"] == "lab"
    order = JobOrder.read(tmp_path / "runs" / run["id"])  # what every launcher's job reads
    assert (order.recordings, order.recordings_folder) == ("lab", str(vpt))
    (listed,) = (await client.get("/v1/runs")).json()["runs"]
    assert listed["recordings"] == "lab"


@pytest.mark.parametrize(
    "recipe, recordings, kind, detail",
    [
        ("minecraft", "", "no-such-recordings", "there are lab, gone"),
        ("minecraft", "elsewhere", "no-such-recordings", "there are lab, gone"),
        ("minecraft", "../vpt", "no-such-recordings", "learns from recordings"),
        ("minecraft_small", "gone", "recordings-missing", "not there now"),
        ("debug", "lab", "recordings-refused", "films by itself"),
        ("minecraft", "x" * 65, "bad-request", "recordings"),
    ],
)
async def test_any_other_choice_is_refused_and_starts_nothing(
    client: httpx.AsyncClient, recipe: str, recordings: str, kind: str, detail: str
) -> None:
    answer = await submit(client, recipe=recipe, recordings=recordings)
    assert refused(answer, 422, kind, detail)
    assert (await client.get("/v1/runs")).json() == {"runs": []}


async def test_a_service_without_recordings_says_how_they_are_named(tmp_path: Path) -> None:
    client = client_of(create_app(settings(tmp_path), FakeLauncher()))
    answer = await submit(client, recipe="minecraft")
    assert refused(answer, 422, "no-such-recordings", "NEXTFRAME_TRAINING_RECORDINGS")


# What they hold


@asynccontextmanager
async def scanning(
    folder: Path, kept: Path, program: Sequence[str] = SCAN_COMMAND
) -> AsyncIterator[tuple[RecordingsScanner, httpx.AsyncClient]]:
    scanner = RecordingsScanner({"lab": folder}, kept, program=program)
    app = FastAPI()
    app.include_router(recordings_routes(scanner))
    yield scanner, client_of(app)
    await scanner.close()


async def listed(client: httpx.AsyncClient) -> Any:
    (view,) = (await client.get("/v1/recordings")).json()["recordings"]
    return view


async def scanned(scanner: RecordingsScanner, client: httpx.AsyncClient) -> Any:
    """The view after the due scan."""
    await scanner.watch()

    async def has_ended() -> bool:
        return bool((await listed(client))["state"] != "looking")

    await eventually(has_ended, timeout_s=PATIENCE_S)
    return await listed(client)


async def test_a_folder_is_looked_through_again_when_files_came(vpt: Path, tmp_path: Path) -> None:
    write(vpt, "good", [said("w")] * 36)
    write(vpt, "alone", [said()]).unlink()
    async with scanning(vpt, tmp_path / "stock") as (scanner, client):
        assert (await listed(client))["state"] == "waiting"
        view = await scanned(scanner, client)
        assert (view["state"], view["recordings"]) == ("known", 1)
        assert view["hours"] == pytest.approx(36 / 20 / 3600)
        assert view["skipped"] == {"actions missing": 1}
        write(vpt, "another", [said("w")] * 2)
        assert (await scanned(scanner, client))["recordings"] == 2
    async with scanning(vpt, tmp_path / "stock") as (_, client):  # a restarted service
        view = await listed(client)
        assert (view["state"], view["recordings"]) == ("waiting", 2)


async def test_a_folder_that_is_not_there_is_listed_so(tmp_path: Path) -> None:
    async with scanning(tmp_path / "gone", tmp_path / "stock") as (scanner, client):
        view = await scanned(scanner, client)
    assert (view["state"], view["recordings"]) == ("missing", 0)


async def test_a_look_that_fails_says_why_and_is_not_repeated(vpt: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    code = f"import sys; open({str(scans)!r}, 'a').write('x'); sys.exit('stock: No space left')"
    async with scanning(vpt, tmp_path / "stock", (sys.executable, "-c", code)) as (taker, client):
        for _ in range(2):
            view = await scanned(taker, client)
            assert (view["state"], view["reason"]) == ("failed", "stock: No space left")
    assert scans.read_text() == "x"


async def test_a_look_is_told_no_secrets_and_ends_with_the_service(
    vpt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTFRAME_TRAINING_OPERATOR_TOKEN", "secret")
    monkeypatch.setenv("REDIS_PASSWORD", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    code = "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)"
    endless = (sys.executable, "-c", code)
    log = tmp_path / "stock" / "lab.log"

    async def has_spoken() -> bool:
        return bool(log.read_text())

    async with scanning(vpt, tmp_path / "stock", endless) as (scanner, client):
        await scanner.watch()
        assert (await listed(client))["state"] == "looking"
        await eventually(has_spoken, timeout_s=PATIENCE_S)
    assert "PATH" in log.read_text()
    assert not any(name in log.read_text() for name in ("NEXTFRAME_", "REDIS_", "AWS_"))
    assert (await listed(client))["state"] == "failed"


async def test_a_look_that_never_ends_is_stopped_and_gives_the_others_their_turn(
    vpt: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    endless = (sys.executable, "-c", "import time; time.sleep(600)")
    folders = {"lab": vpt, "other": other}
    scanner = RecordingsScanner(folders, tmp_path / "stock", program=endless, max_scan_s=0.0)

    async def is_other_looked_through() -> bool:
        await scanner.watch()
        return scanner.views()[1].state == "looking"

    try:
        await eventually(is_other_looked_through, timeout_s=PATIENCE_S)
        first = scanner.views()[0]
        assert (first.state, "Not read through" in first.reason) == ("failed", True)
    finally:
        await scanner.close()
