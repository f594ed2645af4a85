"""Limits a process to a share of a core, and attacks to their rates."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

RECHECK_S = 0.1
CREDIT_S = 0.5  # of wall time: unused processor time is not saved up for longer
CATCH_UP_S = 1.0  # a pace that was held up makes up for this much


class Throttle:
    """Compares this process's processor time with the wall clock. Every expensive operation must
    call `pause` first; the work between two pauses is the error."""

    def __init__(
        self,
        share: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"the share of a core must be above 0 and at most 1, got {share:g}")
        self._share = share
        self._clock = clock
        self._used = used
        self._began = clock()
        self._used_before = used()

    def debt_s(self, of_share: float = 1.0) -> float:
        """Returns the wait in seconds until the use falls to `of_share` of the share."""
        used_s = self._used() - self._used_before
        earned_until = self._began + used_s / self._share
        now = self._clock()
        if now - earned_until > CREDIT_S:
            self._began += now - earned_until - CREDIT_S
            return 0.0
        return max(0.0, self._began + used_s / (self._share * of_share) - now)

    async def pause(self, of_share: float = 1.0) -> None:
        """Yields to the event loop once; sleeps if the share is used up."""
        await asyncio.sleep(0)
        while True:
            debt_s = self.debt_s(of_share)
            if debt_s <= 0:
                return
            await asyncio.sleep(min(debt_s, RECHECK_S))


async def ticks(
    per_s: float, *, throttle: Throttle, until: float, of_share: float = 1.0
) -> AsyncIterator[None]:
    """Yields one item per period, until the time `until` (seconds of `time.monotonic`)."""
    next_at = time.monotonic()
    while time.monotonic() < until:
        await throttle.pause(of_share)
        yield
        now = time.monotonic()
        next_at = max(next_at + 1 / per_s, now - CATCH_UP_S)
        await asyncio.sleep(min(next_at, until) - now)
