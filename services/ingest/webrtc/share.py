"""Bounds the event-loop time spent on the input of one peer."""

import asyncio
import time

LONG_TURN_S = 0.001
SHARE = 0.2  # of one processor, for long
BURST_S = 0.1
MAX_PAUSE_S = 0.5


class ProcessorShare:
    """Measures the time of one peer's input handling and pauses the peer's reader between inputs.
    Times are from `time.thread_time`, in seconds.

    Other tasks run at every pause. A reader above `SHARE` of a processor sleeps until the average
    is below `SHARE`; meanwhile the peer's queue overflows.
    """

    def __init__(self) -> None:
        self._debt_s = 0.0
        self._paid_until_s = time.monotonic()
        self._began_s: float | None = None

    def begin(self) -> None:
        """Starts a measurement; the reader calls `begin` directly after waiting for input."""
        self._began_s = time.thread_time()

    async def pause(self) -> None:
        """Ends the measurement, if any, and lets other tasks run."""
        await asyncio.sleep(self._pay())

    async def pause_if_long(self) -> None:
        """Pauses between parts of a long input; the measurement continues afterwards."""
        if self._began_s is not None and time.thread_time() - self._began_s > LONG_TURN_S:
            await self.pause()
            self.begin()

    def _pay(self) -> float:
        """How long to sleep for what was used so far."""
        now_s = time.monotonic()
        self._debt_s = max(0.0, self._debt_s - (now_s - self._paid_until_s) * SHARE)
        self._paid_until_s = now_s
        if self._began_s is not None:
            self._debt_s += time.thread_time() - self._began_s
            self._began_s = None
        return min(MAX_PAUSE_S, max(0.0, self._debt_s - BURST_S) / SHARE)
