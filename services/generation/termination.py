"""SIGTERM to a process that others own: Ray's handler lets a running call finish and takes no new
one, but tells nobody. Here the replica hears of the signal, too, and can say so."""

import asyncio
import faulthandler
import os
import signal
from collections.abc import Callable


class TerminationWatch:
    """Calls `on_term` on the running event loop when SIGTERM comes, until `close`. The handler that
    is there keeps its place and is called as before.

    Python installs handlers in the main thread only, and Ray runs actors in others. The handler of
    faulthandler is C, may be installed from any thread and calls the one before it; what it writes
    is a traceback, of which the first byte is enough.
    """

    def __init__(self, on_term: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_term = on_term
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._loop.add_reader(self._read_fd, self._receive)
        faulthandler.register(signal.SIGTERM, file=self._write_fd, all_threads=False, chain=True)

    def close(self) -> None:
        faulthandler.unregister(signal.SIGTERM)
        self._loop.remove_reader(self._read_fd)
        os.close(self._read_fd)
        os.close(self._write_fd)

    def _receive(self) -> None:
        os.read(self._read_fd, 65536)
        self._on_term()
