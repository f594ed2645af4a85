"""The local stack, for a load test that is given no address: started, waited for, ended.

Knows the one command and the one line it prints; nothing of what runs behind it.
"""

import asyncio
import os
import re
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STACK_COMMAND = (sys.executable, "-m", "services.play")
READY = re.compile(r"ready.*?(http://127\.0\.0\.1:\d+/?)", re.IGNORECASE)
START_TIMEOUT_S = 300.0  # a first start may still have to load and warm up a world
STOP_TIMEOUT_S = 30.0
LINES_KEPT = 15


class StackError(Exception):
    """The local stack did not come up; says what it said last."""


@asynccontextmanager
async def local_stack(command: tuple[str, ...] = STACK_COMMAND) -> AsyncIterator[str]:
    """The address of the page while the stack runs. Everything it started ends with it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # Ctrl-C is for the load test, which then ends the stack in order
    )
    last_lines: deque[str] = deque(maxlen=LINES_KEPT)
    assert process.stdout is not None
    try:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                url = await _read_until_ready(process.stdout, last_lines)
        except TimeoutError:
            raise StackError(_complaint("is not ready in time", last_lines)) from None
        if url is None:
            raise StackError(_complaint("did not start", last_lines))
        draining = asyncio.create_task(_drain(process.stdout))
        try:
            yield url
        finally:
            draining.cancel()
    finally:
        await _end(process)


async def _read_until_ready(lines: asyncio.StreamReader, last_lines: deque[str]) -> str | None:
    """The address in the ready line; None when the output ends without one."""
    async for line in lines:
        text = line.decode(errors="replace").rstrip()
        last_lines.append(text)
        print(f"  {text}", flush=True)
        if found := READY.search(text):
            return found[1]
    return None


async def _drain(lines: asyncio.StreamReader) -> None:
    """A full pipe would stop the stack; what it says while it runs is in its own logs."""
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
