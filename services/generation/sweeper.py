"""Ends the processes of a generation service that was killed and could not end them.

A small process beside the service, in a session of its own. The sweeper scans the service's
descendants every SCAN_S, because the kernel forgets the parent of a dead process' children. When
the standard input ends without the close message, the service is dead. Linux only.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

SCAN_S = 1.0
GRACE_S = 2.0  # from SIGTERM to SIGKILL: replicas save their sessions
POLL_S = 0.05
_CLOSE = b"close"

Process = tuple[int, int]  # (pid, start time): the kernel reuses pids


class Sweeper:
    """Runs from construction to `close`. `folder`: removed with the processes of a dead service."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(os.getpid()), str(folder)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a signal to the service's group must not reach the sweeper
        )

    def close(self) -> None:
        """The service has ended all processes: the sweeper ends, too."""
        with suppress(BrokenPipeError):  # the sweeper has ended before
            self._process.communicate(_CLOSE)


def main(service: int, folder: Path) -> None:
    """Runs until the service sends the close message or is gone."""
    seen: set[Process] = set()
    while True:
        seen = running(seen) | descendants({service, *(pid for pid, _ in seen)}) - {own()}
        if select.select([sys.stdin], [], [], SCAN_S)[0]:
            break
    if sys.stdin.buffer.read() != _CLOSE:
        sweep(running(seen) | descendants(pid for pid, _ in seen))
        shutil.rmtree(folder, ignore_errors=True)


def sweep(processes: set[Process]) -> None:
    """SIGTERM to all, then, after GRACE_S, SIGKILL; to processes started meanwhile, too. Returns
    when no process runs, or GRACE_S after SIGKILL."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE_S
        _send(processes, kind)
        while processes and time.monotonic() < deadline:
            time.sleep(POLL_S)
            processes = running(processes) | descendants(pid for pid, _ in processes)


def running(processes: Iterable[Process]) -> set[Process]:
    """The processes that still run; a zombie does not run."""
    return {process for process in processes if _read(process[0])[1:] == process[1:]}


def descendants(of: Iterable[int]) -> set[Process]:
    """All children of the processes in `of`, and their children in turn."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    children: dict[int, set[Process]] = {}
    for pid in pids:
        parent, *start = _read(pid)
        if start:
            children.setdefault(parent, set()).add((pid, start[0]))
    found: set[Process] = set()
    waiting = list(of)
    while waiting:
        new = children.get(waiting.pop(), set()) - found
        found |= new
        waiting += [pid for pid, _ in new]
    return found


def own() -> Process:
    return os.getpid(), _read(os.getpid())[1]


def _read(pid: int) -> tuple[int, ...]:
    """(parent, start in clock ticks since boot); (0,) for a missing process or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return (0,)
    return (0,) if fields[0] == "Z" else (int(fields[1]), int(fields[19]))


def _send(processes: Iterable[Process], kind: signal.Signals) -> None:
    for pid, _ in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, kind)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
