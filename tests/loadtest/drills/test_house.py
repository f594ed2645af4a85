"""Processes are found by what started them, and measured."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.drills.house import (
    NoHouseError,
    Process,
    find_house,
    processor_seconds,
    redis_figures,
    resident_bytes,
)
from services.play.private_redis import PrivateRedis

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


@pytest.fixture
def services() -> Iterator[None]:
    running = []
    for name in ("session", "ingest"):
        command = [sys.executable, "-c", SERVICE, "-m", f"services.{name}"]
        env = {**os.environ, f"NEXTFRAME_{name.upper()}_OPS_PORT": f"800{len(name)}"}
        one = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert one.stdout is not None
        one.stdout.readline()
        running.append(one)
    try:
        yield
    finally:
        for one in running:
            one.communicate()


@pytest.mark.usefixtures("services")
def test_a_house_is_everything_that_the_services_started(tmp_path: Path) -> None:
    redis = PrivateRedis(tmp_path)
    try:
        house = find_house(os.getpid())
        assert house.ops_urls == {
            "session": "http://127.0.0.1:8007",
            "ingest": "http://127.0.0.1:8006",
        }
        assert house.redis_socket == redis.url.removeprefix("unix://")
        names = {process.name for process in house.processes}
        assert names >= {"session", "ingest", "redis"}
        assert len(house.processes) >= 5  # with the two children
        sizes = resident_bytes(house.processes)
        assert set(sizes) == names
        assert sum(size > 30 << 20 for size in sizes.values()) >= 2
        assert processor_seconds(house.processes)["session"] >= 0
        figures = redis_figures(house.redis_socket)
        assert figures["keys"] == 0 and figures["used_bytes"] > 100_000
    finally:
        redis.close()


def test_without_services_there_is_no_house() -> None:
    with pytest.raises(NoHouseError, match="not running: ingest, redis, session"):
        find_house(os.getpid())


def test_a_process_that_ended_has_no_size() -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    gone = (Process(pid=done.pid, name="gone", command="true"),)
    assert resident_bytes(gone) == {} and processor_seconds(gone) == {}
