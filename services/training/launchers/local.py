"""Runs jobs as processes of this machine. Jobs outlive the service; a restarted service finds the
jobs."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from services.training.children import LOW_PRIORITY, bare_environment
from services.training.launchers.launcher import JobState, LaunchError
from services.training.settings import ROOT
from training.job_state import LOG

JOB = (*LOW_PRIORITY, sys.executable, "-m", "training.job")
GRACE_S = 10.0
_POLL_S = 0.1


class LocalLauncher:
    """Owns the started processes until the end of the process or of the launcher.

    A handle is "boot id:pid:start time", because a pid alone may be reused. Without `outlive`, jobs
    stay in the service's process session and end with the session.
    """

    def __init__(
        self, *, program: Sequence[str] = JOB, grace_s: float = GRACE_S, outlive: bool = True
    ) -> None:
        self._program = program
        self._outlive = outlive
        self._grace_s = grace_s
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        try:
            child = await asyncio.to_thread(
                _spawn, [*self._program, str(folder), str(attempt)], folder / LOG, self._outlive
            )
        except OSError as error:
            raise LaunchError(f"no process could be started: {error.strerror}") from error
        handle = f"{_boot_id()}:{child.pid}:{_started_at(child.pid)}"
        self._children[handle] = child
        return handle

    async def poll(self, handle: str) -> JobState:
        if child := self._children.get(handle):
            status = child.poll()
            if status is not None:
                del self._children[handle]
            return JobState(is_running=status is None, exit_status=status)
        return JobState(is_running=_pid_of(handle) is not None)

    async def stop(self, handle: str) -> None:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            if not (await self.poll(handle)).is_running:
                return
            with suppress(ProcessLookupError):
                os.killpg(int(handle.split(":")[1]), kind)
            await self._wait(handle)

    async def _wait(self, handle: str) -> None:
        deadline = asyncio.get_running_loop().time() + self._grace_s
        while (await self.poll(handle)).is_running:
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(_POLL_S)


def _spawn(command: list[str], log_path: Path, outlive: bool) -> subprocess.Popen[bytes]:
    with log_path.open("ab") as log:
        return subprocess.Popen(
            command,
            env=bare_environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=outlive,
            process_group=None if outlive else 0,  # either way a group of its own, to end as one
        )


def _pid_of(handle: str) -> int | None:
    """None when that process, and no other of its number, has gone."""
    boot_id, pid, started_at = handle.split(":")
    is_there = started_at and started_at == _started_at(int(pid)) and boot_id == _boot_id()
    return int(pid) if is_there else None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started_at(pid: int) -> str:
    """In clock ticks since boot; "" for a process that has gone or is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
