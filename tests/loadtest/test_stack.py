"""The local stack is started, waited for and ended, with a small program in its place."""

import asyncio
import sys
from pathlib import Path

import pytest

from loadtest.stack import StackError, local_stack

GOOD = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], "w").write("ended"), sys.exit()))
print("starting redis")
print("Nextframe is ready: http://127.0.0.1:8123/")
while True:
    print("x" * 10_000)  # more than a pipe holds: whoever started this must keep reading
    time.sleep(0.001)
"""
BAD = "import sys; print('port 8080 is taken; use --port'); sys.exit(2)"


@pytest.mark.asyncio
async def test_the_stack_ends_with_the_load_test(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    async with local_stack((sys.executable, "-c", GOOD, str(ended))) as url:
        assert url == "http://127.0.0.1:8123/"
        assert not ended.exists()
    assert ended.read_text() == "ended"


@pytest.mark.asyncio
async def test_a_load_test_that_is_stopped_ends_the_stack_too(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    is_up = asyncio.Event()

    async def load() -> None:
        async with local_stack((sys.executable, "-c", GOOD, str(ended))):
            is_up.set()
            await asyncio.Event().wait()

    loading = asyncio.create_task(load())
    await is_up.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert ended.read_text() == "ended"


@pytest.mark.asyncio
async def test_a_stack_that_does_not_start_says_why() -> None:
    with pytest.raises(StackError, match="port 8080 is taken"):
        async with local_stack((sys.executable, "-c", BAD)):
            pass
