"""Fault drills: the process that is hit, the gap that is measured, the verdict."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from loadtest.drills import faults
from loadtest.drills.fault_drill import FaultFigures, FaultFindings, _figures
from loadtest.drills.fault_report import FaultReport
from loadtest.drills.faults import FAULTS
from loadtest.drills.service_processes import NoServicesError, Process, ServiceProcesses
from loadtest.player_log import PlayerLog

NAMES = (
    "ServeReplica:nextframe:Generator-a",
    "ServeReplica:nextframe:Generator-b",
    "ServeReplica:nextframe:Dispatcher",
    "ServeController",
    "redis",
)


@asynccontextmanager
async def services() -> AsyncIterator[
    tuple[ServiceProcesses, dict[str, asyncio.subprocess.Process]]
]:
    """A harmless process for each name."""
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    started = {name: await asyncio.create_subprocess_exec(*sleep) for name in NAMES}
    found = tuple(Process(pid=one.pid, name=name, command="") for name, one in started.items())
    try:
        yield ServiceProcesses(processes=found, ops_urls={}, redis_socket=""), started
    finally:
        for one in started.values():
            if one.returncode is None:
                one.kill()
            await one.wait()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "number", "sign"),
    [
        ("replica-kill", 1, signal.SIGKILL),
        ("replica-term", 1, signal.SIGTERM),
        ("dispatcher-kill", 2, signal.SIGKILL),
        ("controller-kill", 3, signal.SIGKILL),
    ],
)
async def test_a_fault_hits_one_process(name: str, number: int, sign: signal.Signals) -> None:
    async with services() as (found, started):
        await FAULTS[name].break_it(found, "b")
        async with asyncio.timeout(30):
            assert await started[NAMES[number]].wait() == -sign
        assert sum(one.returncode is None for one in started.values()) == len(NAMES) - 1


@pytest.mark.asyncio
async def test_a_stalled_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "REDIS_AWAY_S", 0.3)
    async with services() as (found, started):
        stalling = asyncio.ensure_future(FAULTS["redis-stop"].break_it(found, "b"))
        await _until_state(started["redis"].pid, "T")
        await stalling
        await _until_state(started["redis"].pid, "SR")


@pytest.mark.asyncio
async def test_nothing_is_broken_where_the_process_is_not_there() -> None:
    none = ServiceProcesses(processes=(), ops_urls={}, redis_socket="")
    with pytest.raises(NoServicesError, match="not one ServeController"):
        await FAULTS["controller-kill"].break_it(none, "b")


def test_a_gap_begins_with_the_last_frame_before_the_fault() -> None:
    figures = _figures(_log([0.0, 0.1, 0.2, 2.2, 2.3, 2.4]), broken_at=1.0, now=2.5)
    assert figures.longest_gap_s == pytest.approx(2.0)
    assert figures.lost_frames == 19 and figures.plays_on


def test_a_player_without_frames_does_not_play_on() -> None:
    assert not _figures(_log([0.0, 0.1]), broken_at=1.0, now=9.0).plays_on


def test_harm_is_a_long_gap_or_an_end_and_not_a_move() -> None:
    limit = FAULTS["replica-kill"].max_gap_s
    fine, slow = _player(0, gap_s=limit), _player(1, gap_s=limit + 1)
    moved = _player(2, notices=("it is picked up elsewhere",))
    gone = _player(3, plays_on=False)
    assert not _report(fine, moved).harm
    report = _report(fine, slow, moved, gone)
    assert [line.split(" ")[1] for line in report.harm] == ["1", "3"]
    assert json.loads(report.to_json())["drill"] == "replica-kill"
    assert "more than 8 s" in report.table() and "<td>3</td>" in report.to_page()


def _log(times: list[float]) -> PlayerLog:
    log = PlayerLog(player=0, is_full=False)
    for number, at in enumerate(times):
        log.on_packet(number, 1, at)
    return log


def _player(
    player: int, *, gap_s: float = 0.1, plays_on: bool = True, notices: tuple[str, ...] = ()
) -> FaultFigures:
    return FaultFigures(
        player=player,
        fps_before=20.0,
        longest_gap_s=gap_s,
        lost_frames=0,
        plays_on=plays_on,
        notices=notices,
    )


def _report(*players: FaultFigures) -> FaultReport:
    findings = FaultFindings(seconds=1.0, players=players, redis_keys=(1, 1))
    return FaultReport(
        machine={"cpu": "one"}, commit="abc", fault=FAULTS["replica-kill"], findings=findings
    )


async def _until_state(pid: int, states: str) -> None:
    async with asyncio.timeout(30):
        while _state(pid) not in states:  # noqa: ASYNC110 - the kernel has no event for this
            await asyncio.sleep(0.001)


def _state(pid: int) -> str:
    """T: stopped by a signal; S or R: runs (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
