"""SIGTERM in a process of Ray: a callback beside Ray's own handler.

Ray's handler finishes the running calls, takes no new call, and notifies no actor."""

import asyncio
import faulthandler
import os
import signal
from collections.abc import Callable


class TerminationWatch:
    """Calls `on_term` on the running event loop when SIGTERM comes, until `close`. The installed
    handler stays and is called as before.

    Python installs handlers in the main thread only, and Ray runs actors in other threads.
    faulthandler is written in C, can be installed from any thread and calls the previous handler.
    faulthandler writes a traceback to a pipe; the first byte is the notification.
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
