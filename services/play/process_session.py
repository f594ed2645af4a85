"""Process sessions (setsid): a leader with all descendants, across process groups. Linux only.

The leader's pid names the session; the kernel does not reuse the pid while a process of the session
lives.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

SWEEP_S = 2.0
POLL_S = 0.05


def running(session: int) -> list[int]:
    """Returns the pids of running processes of the session, without zombies."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _session_of(pid) == session]


def end(session: int) -> None:
    """Ends all processes of the session, by SIGKILL if necessary; returns when none runs."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + SWEEP_S
        for pid in running(session):
            send(pid, kind)
        while running(session) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def send(pid: int, kind: signal.Signals) -> None:
    """Sends a signal to a process; a missing process is no error."""
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
