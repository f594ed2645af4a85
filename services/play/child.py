"""One process that the stack started, and everything that process started in turn.

Each child leads a session of its own (setsid), which its descendants share even where they make
process groups of their own, as Ray's workers do. The child is not reaped before the end, so its
pid, the session's name, cannot come to mean another process meanwhile.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.play import process_session


class Child:
    """A running process from construction to `finish`; its output goes to `log_path`."""

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
        """Also the name of its session; nobody else's before `finish`."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._exit() is not None

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        exit_ = self._exit()
        if exit_ is None:
            return None
        return exit_.si_status if exit_.si_code == os.CLD_EXITED else -exit_.si_status

    def ask_to_end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)  # Popen.send_signal would reap it

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended by itself within the time."""
        deadline = time.monotonic() + timeout_s
        while not self.has_ended:
            if time.monotonic() >= deadline:
                return False
            time.sleep(process_session.POLL_S)
        return True

    def finish(self) -> None:
        """Ends the process and all that it started, by force where it must; again is harmless."""
        if self._process.returncode is not None:
            return
        process_session.end(self.pid)
        self._process.wait()

    def last_lines(self, count: int) -> list[str]:
        """The end of what it said."""
        with self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 32_768))
            return log.read().decode(errors="replace").splitlines()[-count:]

    def _exit(self) -> os.waitid_result | None:
        if self._process.returncode is not None:  # finished and reaped
            raise ChildProcessError(f"{self.name} was finished")
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
