"""Measures how long one peer holds the event loop, on a noisy machine."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Coroutine, Iterator

import uvloop

MAX_TURN_S = 0.005  # of processor time at full speed
_YARDSTICK_S = 0.0007  # what `_yardstick` takes on a core at full speed (EPYC, 2.6 GHz)


class LoopClock:
    """The longest processor time of the loop's thread between two iterations of the event loop."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last_s = 0.0
        self._is_running = False

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self._is_running = True
        self._last_s = time.thread_time()
        self._tick()
        try:
            yield
        finally:
            self._is_running = False

    def _tick(self) -> None:
        now_s = time.thread_time()
        self.longest_s = max(self.longest_s, now_s - self._last_s)
        self._last_s = now_s
        if self._is_running:
            asyncio.get_running_loop().call_soon(self._tick)


def longest_turn_s(attack: Callable[[], Coroutine[object, object, float]], *, runs: int) -> float:
    """Returns the minimum of `runs` measurements by `attack`, in processor seconds of a core at
    full speed.

    The speed of a shared core varies by half and more within a second. Each measurement is divided
    by the slowdown of a fixed piece of work right afterwards.
    """
    longest_s = float("inf")
    gc.collect()
    gc.disable()  # other tests' garbage is not the peer's doing
    try:
        for _ in range(runs):
            longest_s = min(longest_s, uvloop.run(attack()) / _slowness())
            if longest_s < MAX_TURN_S:
                break
    finally:
        gc.enable()
    return longest_s


def _slowness() -> float:
    return max(1.0, min(_yardstick() for _ in range(20)) / _YARDSTICK_S)


def _yardstick() -> float:
    """Processor seconds of work like an offer's: lines split into a dictionary."""
    begun_s = time.thread_time()
    fields: dict[tuple[str, int], list[str]] = {}
    for n in range(2000):
        name, _, value = f"a=rtpmap:{n} H264/90000".partition(":")
        fields[name, n] = value.split()
    return time.thread_time() - begun_s
