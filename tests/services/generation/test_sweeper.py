"""What a killed service leaves: nothing. And a signal that is received beside its handler."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.generation import sweeper

SERVICE = """
import subprocess, sys, time
from pathlib import Path
from services.generation.sweeper import Sweeper

folder = Path(sys.argv[1])
nap = "import signal, time; signal.signal(signal.SIGTERM, signal.{}); time.sleep(300)"
spawn = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]," \\
    " start_new_session=True); time.sleep(300)"
sweeper = Sweeper(folder)
for kind in ("SIG_DFL", "SIG_IGN"):  # one ends when it is asked; both have a child of their own
    subprocess.Popen([sys.executable, "-c", spawn, nap.format(kind)], start_new_session=True)
time.sleep(2.5)
print("up", flush=True)
if sys.argv[2] == "close":
    sweeper.close()
    sys.exit()
time.sleep(300)
"""


def start(folder: Path, *, ends: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SERVICE, str(folder), ends]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    return process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "nf-test"
    (folder / "deep").mkdir(parents=True)
    return folder


def test_nothing_outlives_a_killed_service(folder: Path) -> None:
    """cases/drills.md B6: agents lived on for a minute, and folders for ever."""
    with start(folder, ends="killed") as process:
        started = sweeper.descendants([process.pid])
        assert len(started) == 5  # the sweeper, and twice two
        process.kill()
    ends_s = time.monotonic() + sweeper.GRACE_S + 4
    while sweeper.running(started) or folder.exists():
        assert time.monotonic() < ends_s, sweeper.running(started)
        time.sleep(0.05)


def test_a_farewell_leaves_everything_as_it_is(folder: Path) -> None:
    with start(folder, ends="close") as process:
        started = sweeper.descendants([process.pid])
        assert process.wait(5) == 0
    time.sleep(0.5)
    left = sweeper.running(started)
    assert len(left) == 4 and folder.exists()
    for pid, _ in left:
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder)


TERMINATED = """
import asyncio, os, signal, threading, time
from services.generation.termination import TerminationWatch

received = []

async def actor():
    watch = TerminationWatch(lambda: received.append("watch"))
    ready.set()
    await asyncio.sleep(1.0)
    watch.close()

ready = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: received.append("handler"))
thread = threading.Thread(target=lambda: asyncio.run(actor()))
thread.start()
ready.wait()
for _ in range(2):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.3)
thread.join()
os.kill(os.getpid(), signal.SIGTERM)
print(*received)
"""


def test_a_signal_is_heard_in_any_thread_and_its_handler_is_called_as_before() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED], stdout=subprocess.PIPE, text=True, timeout=30
    )
    assert done.returncode == 0
    assert sorted(done.stdout.split()) == ["handler"] * 3 + ["watch"] * 2
