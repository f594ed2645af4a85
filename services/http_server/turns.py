"""Shares the event loop's thread among the connections of one listening port.

What arrives on many connections at once is ready in one turn of the loop: without this, everybody
else waits until all of it is parsed. Knows no connection.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

TURN_S = 0.001  # of one turn of the loop; a step that has begun goes on to its end
SHARE = 0.25  # of one processor, for one payer, for long
BURST_S = 0.25
MAX_PAYERS = 4096  # that are remembered; beyond, those that owe nothing are forgotten

Step = Callable[[], None]


class Turns:
    """Calls steps in the order in which they were asked for, in processor time (`thread_time`) of
    about TURN_S for each turn of the event loop. A payer that used more than its share waits until
    it has paid; the payer "" pays nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: deque[tuple[str, Step]] = deque()
        self._debts: dict[str, tuple[float, float]] = {}  # seconds owed, and at what time
        self._is_running = False
        self._spent_s = 0.0  # in this turn

    def ask(self, payer: str, step: Step) -> None:
        """`step` will be called once."""
        self._asked.append((payer, step))
        if not self._is_running:
            self._is_running = True
            asyncio.get_running_loop().call_soon(self._run)

    def charge(self, payer: str, seconds: float) -> None:
        """`payer` caused that much, or will soon: it counts for this turn, too."""
        self._spent_s += seconds
        if not payer:
            return
        if len(self._debts) >= MAX_PAYERS:
            self._debts = {p: d for p, d in self._debts.items() if self._debt_s(p) > 0}
        self._debts[payer] = (self._debt_s(payer) + seconds, self._clock())

    def _run(self) -> None:
        try:
            self._take_turn()
        finally:
            self._is_running = bool(self._asked)
            if self._is_running:
                asyncio.get_running_loop().call_soon(self._run)

    def _take_turn(self) -> None:
        self._spent_s = 0.0
        while self._asked and self._spent_s < TURN_S:
            payer, step = self._asked.popleft()
            if (wait_s := (self._debt_s(payer) - BURST_S) / SHARE) > 0:
                asyncio.get_running_loop().call_later(wait_s, self.ask, payer, step)
                continue
            begun_s = time.thread_time()
            try:
                step()
            finally:
                self.charge(payer, time.thread_time() - begun_s)

    def _debt_s(self, payer: str) -> float:
        owed_s, at_s = self._debts.get(payer, (0.0, 0.0))
        return max(0.0, owed_s - (self._clock() - at_s) * SHARE)
