"""`python -m loadtest.drills.attacker`: the hostile client, in a process of its own.

It plays honestly at first, as a neighbour of the players; what it costs then is part of the minute
before. One line of JSON comes in to begin with, {"page_url", "nice"}, one goes out when it plays;
an order comes in when it is to attack, and its tally goes out at the end. It leaves without a word.
Knows the public API only.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from loadtest.drills.attacks.connections import hold_silent, send_heads
from loadtest.drills.attacks.datagrams import send_datagrams
from loadtest.drills.attacks.peers import (
    Stranger,
    actions,
    break_sctp,
    bring_watchers,
    flood_actions,
    send_nacks,
)
from loadtest.drills.attacks.rtc_hooks import send_messages
from loadtest.drills.attacks.sockets import flood_socket
from loadtest.drills.attacks.web import create_sessions, send_offers
from loadtest.drills.ground import Door, Ground, Session, Tally
from loadtest.drills.plan import ATTACKER_ADDRESS, Order
from loadtest.drills.throttle import Throttle
from loadtest.rtc_hooks import gather_from, gather_loopback_only

OWN = "own sessions"
FAILED = "the attacker's own errors"
LIVE_TIMEOUT_S = 60.0
ACT_EVERY_S = 0.1
GRACE_S = 5.0
NUM_QUEUED = 2  # sessions besides the one that plays: an address may have three


class CannotAttack(Exception):
    """The attacker did not get what it needs; says what."""


class Neighbour:
    """The attacker while it is honest: a session that plays."""

    def __init__(self, session: Session, stranger: Stranger) -> None:
        self.session = session
        self.stranger = stranger

    async def act(self) -> None:
        seq = 0
        sctp = self.stranger.connection.sctp
        assert sctp is not None and self.stranger.input.id is not None
        while self.stranger.is_connected:
            await send_messages(sctp, self.stranger.input.id, actions(seq + 1, 1))
            seq += 1
            await asyncio.sleep(ACT_EVERY_S)


@asynccontextmanager
async def playing(door: Door) -> AsyncIterator[Neighbour]:
    """Raises CannotAttack when no frame comes."""
    session = await door.create(OWN)
    stranger = Stranger(plays=True)
    if session is None or not await stranger.connect(door, session, OWN):
        raise CannotAttack(f"no session or no connection: {dict(door.tally.counts[OWN])}")
    neighbour = Neighbour(session, stranger)
    loops = (stranger.beat(), neighbour.act(), door.keep_token(session))
    running = [asyncio.create_task(loop) for loop in loops]
    try:
        ends_at = time.monotonic() + LIVE_TIMEOUT_S
        while not stranger.num_packets:
            if time.monotonic() > ends_at:
                raise CannotAttack("no frame came: is there a slot for the attacker's session?")
            await asyncio.sleep(0.1)
        yield neighbour
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def attack(order: Order, door: Door, neighbour: Neighbour) -> dict[str, Any]:
    """Everything at once; the tally, and what it cost."""
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: door.tally.add(FAILED, repr(context.get("exception"))[:200])
    )
    queued = [made for _ in range(NUM_QUEUED) if (made := await door.create(OWN)) is not None]
    if len(queued) < NUM_QUEUED:
        raise CannotAttack(f"no sessions in line: {dict(door.tally.counts[OWN])}")
    began, used_before = time.monotonic(), time.process_time()
    ground = Ground(
        order=order,
        door=door,
        throttle=Throttle(order.rates.cpu_share),
        tally=door.tally,
        until=began + order.seconds,
    )
    running = [asyncio.ensure_future(one) for one in _attacks(ground, neighbour, *queued)]
    _, late = await asyncio.wait(running, timeout=order.seconds + GRACE_S)
    for task in late:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Exception):
            door.tally.add(FAILED, repr(outcome)[:200])
    seconds = time.monotonic() - began
    return {
        "seconds": seconds,
        "cpu_share": (time.process_time() - used_before) / seconds,
        "tally": door.tally.counts,
    }


def _attacks(
    ground: Ground, neighbour: Neighbour, first: Session, second: Session
) -> list[Awaitable[None]]:
    """`first` and `second` are in line; their peers connect all the same."""
    attacks: list[Awaitable[None]] = [
        send_datagrams(ground),
        send_nacks(ground, neighbour.stranger),
        flood_socket(ground, neighbour.session),
        flood_actions(ground, first),
        break_sctp(ground, second),
        bring_watchers(ground, (neighbour.session, first)),
        send_offers(ground, neighbour.session),
        create_sessions(ground),
    ]
    for public in ground.doors:
        attacks += [hold_silent(ground, public), send_heads(ground, public)]
    return attacks


async def main() -> None:
    gather_loopback_only()
    gather_from(ATTACKER_ADDRESS)
    beginning = await _hear()
    os.nice(int(beginning["nice"]))
    door = Door(page_url=str(beginning["page_url"]), tally=Tally())
    try:
        await door.open()
        async with playing(door) as neighbour:
            _say({"is_playing": True})
            order = Order.from_json(await _hear())
            _say(await attack(order, door, neighbour))
    except CannotAttack as error:
        _say({"error": str(error)})


async def _hear() -> dict[str, Any]:
    line = await asyncio.to_thread(sys.stdin.readline)
    found = json.loads(line or "null")
    if not isinstance(found, dict):
        raise CannotAttack("an order is a JSON object on one line")
    return found


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # no farewell to anybody: a hostile client gives none
