"""The command line."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from loadtest.__main__ import main
from tests.loadtest.fake_service import FakeService, serving


async def run(fake: FakeService, out: Path, *, seconds: str) -> tuple[int | None, str]:
    """Runs a short load test of two players; returns (exit code, output)."""
    arguments = ("--users", "2", "--seconds", seconds, "--stagger", "0.1", "--out", str(out))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest", "--url", fake.url, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


@pytest.mark.asyncio
async def test_a_load_test_writes_its_report_and_prints_the_table_last(tmp_path: Path) -> None:
    async with serving(FakeService()) as fake:
        code, printed = await run(fake, tmp_path / "out", seconds="5")
    assert code == 0, printed
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [user["errors"] for user in report["users"]] == [[], []]
    assert report["summary"]["num_players_with_frames"] == 2
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()
    assert "2 of 2 players got frames" in printed
    assert printed.splitlines()[-1].startswith("the load test itself")


@pytest.mark.asyncio
async def test_nobody_got_a_frame_is_exit_code_1(tmp_path: Path) -> None:
    async with serving(FakeService(sends_video=False)) as fake:
        code, printed = await run(fake, tmp_path, seconds="1")
    assert code == 1
    assert "0 of 2 players got frames" in printed
    assert (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--users", "65"], "users must be 1 to 64, got 65"),
        (["--seconds", "3600"], "seconds must be 1 to 600, got 3600"),
        (["--url", "http://example.org"], "not on this machine"),
        (["--users", "many"], "invalid int value"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)
    assert refusal.value.code == 2
    assert complaint in capsys.readouterr().err
