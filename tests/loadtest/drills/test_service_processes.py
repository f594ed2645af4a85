"""Finds processes by their ancestor, and measures the processes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from loadtest.drills.service_processes import (
    NoServicesError,
    Process,
    find_service_processes,
    processor_seconds,
    redis_figures,
    resident_bytes,
)
from services.play.private_redis import PrivateRedis

ROOT_FOLDER = Path(__file__).parents[3]

# Stands for a service: its command has the service's name, and it starts a child.
CHILD = "import time; held = bytearray(30 << 20); print('up', flush=True); time.sleep(60)"
SERVICE = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print("up", flush=True)
try:
    sys.stdin.read()
finally:
    child.kill()
    child.wait()
"""


# One process that starts a services: its Redis, and a session and an ingest service.
ROOT = f"""
import os, subprocess, sys
from pathlib import Path
from services.play.private_redis import PrivateRedis
redis = PrivateRedis(Path(sys.argv[1]))
running = []
for name, port in (("session", "8007"), ("ingest", "8006")):
    own = {{f"NEXTFRAME_{{name.upper()}}_OPS_PORT": port, "NEXTFRAME_REDIS_URL": redis.url}}
    command = [sys.executable, "-c", {SERVICE!r}, "-m", f"services.{{name}}"]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    running.append(subprocess.Popen(command, env=os.environ | own, **pipes))
for one in running:
    one.stdout.readline()
print("up", flush=True)
sys.stdin.read()
for one in running:
    one.communicate()
redis.close()
"""


@contextmanager
def root(code: str, *arguments: str) -> Iterator[int]:
    """Yields the pid of a separate process that runs `code` until the end of input."""
    one = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT_FOLDER)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert one.stdout is not None
    assert one.stdout.readline() == b"up\n"
    try:
        yield one.pid
    finally:
        one.communicate()


def test_a_house_is_everything_that_the_services_started() -> None:
    with tempfile.TemporaryDirectory(prefix="nf-") as folder, root(ROOT, folder) as pid:
        services = find_service_processes(pid)
        assert services.ops_urls == {
            "session": "http://127.0.0.1:8007",
            "ingest": "http://127.0.0.1:8006",
        }
        assert services.redis_socket == f"{folder}/redis.sock"
        names = {process.name for process in services.processes}
        assert names >= {"session", "ingest", "redis"}
        assert len(services.processes) >= 5  # with the two children
        sizes = resident_bytes(services.processes)
        assert set(sizes) == names
        assert sum(size > 30 << 20 for size in sizes.values()) >= 2
        assert processor_seconds(services.processes)["session"] >= 0
        figures = redis_figures(services.redis_socket)
        assert figures["keys"] == 0 and figures["used_bytes"] > 100_000


def test_anothers_redis_below_the_same_process_is_not_the_houses() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="nf-") as other,
        tempfile.TemporaryDirectory(prefix="nf-") as folder,
        closing(PrivateRedis(Path(other))),
        root(ROOT, folder),
    ):
        services = find_service_processes(os.getpid())
        assert services.redis_socket == f"{folder}/redis.sock"
        assert sum(process.name.startswith("redis") for process in services.processes) == 1


def test_without_services_there_is_no_house() -> None:
    with (
        root("import sys; print('up', flush=True); sys.stdin.read()") as pid,
        pytest.raises(NoServicesError, match="not running: ingest, redis, session"),
    ):
        find_service_processes(pid)


def test_a_process_that_ended_has_no_size() -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    gone = (Process(pid=done.pid, name="gone", command="true"),)
    assert resident_bytes(gone) == {} and processor_seconds(gone) == {}
