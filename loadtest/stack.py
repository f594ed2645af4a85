"""A local stack for a load test without an address: start, wait, end.

Knows the command and the printed address only.
"""

import asyncio
import os
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

ARGUMENTS = (
    "-m services.play --port 0 --session-port 0 --generation-port 0"  # beside a `make play`
    " --log-folder build/loadtest/logs"
)
STACK_COMMAND = (sys.executable, *ARGUMENTS.split())
READY = re.compile(r"ready.*?(http://127\.0\.0\.1:\d+/?)", re.IGNORECASE)
START_TIMEOUT_S = 400.0  # the stack gives up by itself before, and says why
STOP_TIMEOUT_S = 60.0  # more than the stack gives its services; by force, some would stay
LINES_KEPT = 15


class StackError(Exception):
    """The local stack did not start; the message contains the last output."""


@asynccontextmanager
async def local_stack(
    command: tuple[str, ...] = STACK_COMMAND, *, env: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[str]:
    """Yields the address of the page and ends all started processes at the end. `env`: additional
    variables for the services."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **env, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # Ctrl-C is for the load test, which then ends the stack in order
    )
    assert process.stdout is not None
    last_lines: deque[str] = deque(maxlen=LINES_KEPT)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    following = asyncio.create_task(_follow(process.stdout, last_lines, ready))
    try:
        yield await _in_time(ready, last_lines)
    finally:
        await _end(process)
        following.cancel()


async def _in_time(ready: asyncio.Future[str], last_lines: deque[str]) -> str:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            return await ready
    except TimeoutError:
        raise StackError(_complaint("is not ready in time", last_lines)) from None


async def _follow(
    lines: asyncio.StreamReader, last_lines: deque[str], ready: asyncio.Future[str]
) -> None:
    """Show what the stack says until it is ready, then keep its pipe empty: a full one would stop
    it, and what it says while it runs is in its own logs."""
    async for line in lines:
        text = line.decode(errors="replace").rstrip()
        last_lines.append(text)
        print(f"  {text}", flush=True)
        if found := READY.search(text):
            ready.set_result(found[1])
            break
    if not ready.done():
        ready.set_exception(StackError(_complaint("did not start", last_lines)))
    while await lines.read(1 << 16):
        pass


def _complaint(what: str, last_lines: deque[str]) -> str:
    return "\n".join([f"the local stack {what}; its last lines:", *last_lines])


async def _end(process: asyncio.subprocess.Process) -> None:
    """By its own pid: first asked to end all it started, then made to."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
