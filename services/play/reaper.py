"""Ends the processes of a stack after the stack itself was killed.

A small process in a separate session. The stack writes the pid of each child to a pipe, one per
line, and a shutdown line at the end. If the pipe closes without a shutdown line, the stack was
killed.
"""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from services.play import process_session
from services.play.child import Child

END_TIMEOUT_S = 15.0  # for the services to save what they hold
_SHUTDOWN = "farewell"


class Reaper:
    """Runs from construction to `close`. `folder`: deleted together with the processes."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.play.reaper", str(folder)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # what ends the stack must not end us
        )

    def watch_over(self, child: Child) -> None:
        """Registers a child to end with the stack. The first registered child ends last, because
        the others save state to the first."""
        self._send(str(child.pid))

    def close(self) -> None:
        """Tells the reaper that the stack has ended all processes."""
        with self._process, suppress(BrokenPipeError):  # if somebody ended us before
            self._send(_SHUTDOWN)

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)


def main(folder: Path) -> None:
    heard = [line.strip() for line in sys.stdin]  # until the other end is gone
    if _SHUTDOWN not in heard:
        end([int(pid) for pid in heard])
        shutil.rmtree(folder, ignore_errors=True)


def end(leaders: Sequence[int]) -> None:
    """Ends the sessions as the stack does: SIGTERM, a grace period, then SIGKILL for all
    descendants."""
    others = leaders[1:]
    for pid in others:
        process_session.send(pid, signal.SIGTERM)
    deadline = time.monotonic() + END_TIMEOUT_S
    while any(pid in process_session.running(pid) for pid in others):
        if time.monotonic() >= deadline:
            break
        time.sleep(process_session.POLL_S)
    for pid in (*others, *leaders[:1]):
        process_session.end(pid)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
