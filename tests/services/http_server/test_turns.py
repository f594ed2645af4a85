"""Order of steps, and the wait of a payer after much use."""

import asyncio
import time

import pytest

from services.http_server.turns import BURST_S, SHARE, TURN_S, Turns
from tests.services.http_server.loop_turns import turns_of_the_loop_s

pytestmark = pytest.mark.asyncio


def work(seconds: float) -> None:
    until_s = time.thread_time() + seconds
    while time.thread_time() < until_s:
        pass


async def test_steps_come_in_order_and_others_run_between_them() -> None:
    turns, done = Turns(), list[int]()

    def step(number: int) -> None:
        work(TURN_S)
        done.append(number)

    with turns_of_the_loop_s() as seen:
        for number in range(20):
            turns.ask(f"payer {number}", lambda number=number: step(number))  # type: ignore[misc]
        await asyncio.sleep(0.2)
    assert done == list(range(20))
    assert sorted(seen)[-3] < 5 * TURN_S


async def test_who_owes_too_much_waits_and_nobody_else_does() -> None:
    now, turns, done = [0.0], Turns(clock=lambda: now[0]), list[str]()
    turns.charge("greedy", BURST_S + SHARE)  # a second to wait
    turns.charge("", 100.0)
    for payer in ("greedy", "modest", ""):
        turns.ask(payer, lambda payer=payer: done.append(payer))  # type: ignore[misc]
    await asyncio.sleep(0.1)
    assert done == ["modest", ""]
    now[0] = 1.1
    await asyncio.sleep(1)
    assert done == ["modest", "", "greedy"]


async def test_a_step_that_fails_stops_no_other() -> None:
    turns, done = Turns(), list[bool]()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    turns.ask("a", lambda: 1 / 0)  # type: ignore[arg-type]
    turns.ask("b", lambda: done.append(True))
    await asyncio.sleep(0.05)
    turns.ask("a", lambda: done.append(True))
    await asyncio.sleep(0.05)
    assert done == [True, True]
