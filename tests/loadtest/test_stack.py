"""The local stack is started, awaited and ended, with a small program as a stand-in."""

import asyncio
import sys
from pathlib import Path

import pytest

from loadtest.stack import StackError, local_stack

GOOD = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path(sys.argv[1]).touch(), sys.exit()))
print("starting redis")
print("Nextframe is ready: http://127.0.0.1:8123/")
while True:
    time.sleep(1)
"""
TALKATIVE = """
import socket, sys, time
print("Nextframe is ready: http://127.0.0.1:8123/")
print("x" * 1_000_000)  # more than pipes and buffers hold
socket.create_connection(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)
"""
BAD = "import sys; print('port 8080 is taken; use --port'); sys.exit(2)"


@pytest.mark.asyncio
async def test_the_stack_ends_with_the_load_test(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    async with local_stack((sys.executable, "-c", GOOD, str(ended))) as url:
        assert url == "http://127.0.0.1:8123/"
        assert not ended.exists()
    assert ended.exists()


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
    assert ended.exists()


@pytest.mark.asyncio
async def test_a_talkative_stack_is_never_held_up() -> None:
    said_it_all = asyncio.Event()

    def on_call(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        said_it_all.set()

    server = await asyncio.start_server(on_call, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, local_stack((sys.executable, "-c", TALKATIVE, str(port))):
        await asyncio.wait_for(said_it_all.wait(), 20)


@pytest.mark.asyncio
async def test_a_stack_that_does_not_start_says_why() -> None:
    with pytest.raises(StackError, match="port 8080 is taken"):
        async with local_stack((sys.executable, "-c", BAD)):
            pass
