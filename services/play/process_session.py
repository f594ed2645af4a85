"""Sessions of processes (setsid): a leader and everything it started, whatever process groups its
descendants made. Linux only; knows no stack and nobody's child.

A session is named by its leader's pid, which stays taken as long as one of its processes lives.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

SWEEP_S = 2.0
POLL_S = 0.05


def running(session: int) -> list[int]:
    """Pids of the session that still run; a zombie runs no more."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _session_of(pid) == session]


def end(session: int) -> None:
    """Ends all of it, by force where it must; returns when nothing runs."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + SWEEP_S
        for pid in running(session):
            send(pid, kind)
        while running(session) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def send(pid: int, kind: signal.Signals) -> None:
    """A signal to a process that may have gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, kind)


def _session_of(pid: int) -> int | None:
    """None for a process that has gone or is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, _parent, _group, session = stat.rpartition(")")[2].split()[:4]
    return None if state == "Z" else int(session)
