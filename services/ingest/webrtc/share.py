"""How much of the event loop's processor time the input of one peer may take."""

import asyncio
import time

LONG_TURN_S = 0.001
SHARE = 0.2  # of one processor, for long
BURST_S = 0.1
MAX_PAUSE_S = 0.5


class ProcessorShare:
    """Measures the turns in which the loop's thread handles one peer's input, and pauses that
    peer's reader between them. Time by `time.thread_time`, in seconds.

    Other tasks get the loop at every pause. A reader that used more than `SHARE` of a processor
    sleeps until it has paid for that, so that what waits for it overflows instead.
    """

    def __init__(self) -> None:
        self._debt_s = 0.0
        self._paid_until_s = time.monotonic()
        self._began_s: float | None = None

    def begin(self) -> None:
        """A turn begins: called by the reader right after it waited for input."""
        self._began_s = time.thread_time()

    async def pause(self) -> None:
        """Ends the turn, if there is one, and lets the others run."""
        await asyncio.sleep(self._pay())

    async def pause_if_long(self) -> None:
        """To be called between the parts of one input; the turn goes on afterwards."""
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
