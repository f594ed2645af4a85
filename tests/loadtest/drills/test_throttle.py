"""The attacker keeps to the share of a core, with simulated clocks."""

import asyncio
import time

import pytest

from loadtest.drills.throttle import CREDIT_S, Throttle, ticks


class Clocks:
    def __init__(self) -> None:
        self.wall = 100.0
        self.cpu = 5.0


def throttle(clocks: Clocks, share: float = 0.5) -> Throttle:
    return Throttle(share, clock=lambda: clocks.wall, used=lambda: clocks.cpu)


def test_what_was_used_must_be_waited_for() -> None:
    clocks = Clocks()
    half = throttle(clocks)
    clocks.cpu += 0.2
    clocks.wall += 0.1
    assert half.debt_s() == pytest.approx(0.3)
    assert half.debt_s(of_share=0.8) == pytest.approx(0.4)
    clocks.wall += 0.3
    assert half.debt_s() == pytest.approx(0.0)


def test_idle_time_is_not_saved_up_for_long() -> None:
    clocks = Clocks()
    half = throttle(clocks)
    clocks.wall += 60
    assert half.debt_s() == 0.0
    clocks.cpu += 1.0
    clocks.wall += 1.0
    assert half.debt_s() == pytest.approx(1.0 - CREDIT_S)


def test_a_share_of_no_core_or_of_more_than_one_is_refused() -> None:
    for share in (0.0, -0.1, 1.5):
        with pytest.raises(ValueError, match="share of a core"):
            Throttle(share)


@pytest.mark.asyncio
async def test_a_busy_loop_of_its_own_takes_its_share_only() -> None:
    quarter = Throttle(0.25)
    began, used = time.monotonic(), time.process_time()
    while time.monotonic() - began < 1.0:
        await quarter.pause()
        spin_until = time.process_time() + 0.005
        while time.process_time() < spin_until:
            pass
    share = (time.process_time() - used) / (time.monotonic() - began)
    assert share < 0.25 * (1 + CREDIT_S) + 0.05


@pytest.mark.asyncio
async def test_ticks_come_at_their_rate_and_end() -> None:
    began = time.monotonic()
    free = Throttle(1.0, used=lambda: 0.0)
    count = 0
    async for _ in ticks(100, throttle=free, until=began + 0.3):
        count += 1
    assert 1 <= count <= 31
    await asyncio.sleep(0)
    assert time.monotonic() - began >= 0.29
