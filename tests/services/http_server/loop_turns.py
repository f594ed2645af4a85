"""Measures the turns of the running event loop."""

import asyncio
import contextlib
import time
from collections.abc import Iterator


@contextlib.contextmanager
def turns_of_the_loop_s() -> Iterator[list[float]]:
    """Collects the processor seconds of each turn of the loop during the block."""
    turns: list[float] = []

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - began)

    watching = asyncio.create_task(watch())
    try:
        yield turns
    finally:
        watching.cancel()
