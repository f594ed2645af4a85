"""Private Redis servers for tests that would disturb the shared server."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError

from services.play.private_redis import PrivateRedis, server_program


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """URL of an empty server in a folder of its own; socket paths must be short."""
    folder.mkdir()
    with closing(PrivateRedis(folder)) as private:
        yield private.url


@contextmanager
def cluster_node(folder: Path, port: int) -> Iterator[str]:
    """A server in cluster mode with every slot."""
    options = {"port": str(port), "cluster-enabled": "yes", "dir": str(folder), "save": ""}
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    process = subprocess.Popen([server_program(), *arguments], stdout=subprocess.DEVNULL)
    try:
        with Redis(port=port) as redis:
            _wait_for(redis)
            redis.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while b"cluster_state:ok" not in redis.execute_command("CLUSTER", "INFO"):
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


class MovingService:
    """One address that leads to one server first and to another server later, as in Kubernetes."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self.url = f"unix://{path}"
        self.lead_to(url)

    def lead_to(self, url: str) -> None:
        new = self._path.with_suffix(".new")
        new.symlink_to(url.removeprefix("unix://"))
        os.replace(new, self._path)


def _wait_for(redis: Redis) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            redis.ping()
            return
        except ConnectionError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
