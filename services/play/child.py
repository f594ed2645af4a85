"""A child process of the stack, with all descendants of the child.

Each child leads a process session (setsid). Descendants stay in the session even in process groups
of their own, as Ray's workers do. The child is not reaped before the end, so the pid, which names
the session, cannot be reused.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.play import process_session


class Child:
    """A process running from construction to `finish`; writes output to `log_path`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The pid, also the id of the process session; not reused before `finish`."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._exit() is not None

    @property
    def exit_status(self) -> int | None:
        """Returns None for a running process; a negative value is the signal that ended the
        process."""
        exit_ = self._exit()
        if exit_ is None:
            return None
        return exit_.si_status if exit_.si_code == os.CLD_EXITED else -exit_.si_status

    def ask_to_end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)  # Popen.send_signal would reap it

    def wait(self, timeout_s: float) -> bool:
        """Returns whether the process ended within the time."""
        deadline = time.monotonic() + timeout_s
        while not self.has_ended:
            if time.monotonic() >= deadline:
                return False
            time.sleep(process_session.POLL_S)
        return True

    def finish(self) -> None:
        """Ends the process and all descendants, by SIGKILL if necessary; idempotent."""
        if self._process.returncode is not None:
            return
        process_session.end(self.pid)
        self._process.wait()

    def last_lines(self, count: int) -> list[str]:
        """Returns the last lines of the log."""
        with self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 32_768))
            return log.read().decode(errors="replace").splitlines()[-count:]

    def _exit(self) -> os.waitid_result | None:
        if self._process.returncode is not None:  # finished and reaped
            raise ChildProcessError(f"{self.name} was finished")
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
