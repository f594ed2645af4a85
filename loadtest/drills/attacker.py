"""`python -m loadtest.drills.attacker`: the hostile client, in a separate process.

The client first plays like an honest player: the phase before the attack includes this load.
Protocol, one JSON object per line: stdin brings {"page_url", "nice"}, stdout answers when the
client plays; stdin brings the attack order, stdout answers with the tally.
The client uses the public API only and closes no session at the end.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from loadtest.drills.attack_context import ApiClient, AttackContext, AttackSession, Tally
from loadtest.drills.attacks.connections import hold_silent, send_heads
from loadtest.drills.attacks.datagrams import send_datagrams
from loadtest.drills.attacks.peers import (
    AttackPeer,
    actions,
    break_sctp,
    bring_watchers,
    flood_actions,
    send_nacks,
)
from loadtest.drills.attacks.rtc_hooks import send_messages
from loadtest.drills.attacks.sockets import flood_socket
from loadtest.drills.attacks.web import create_sessions, send_offers
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
    """The attacker got no session or no connection; the message says which."""


class HonestPlayer:
    """The attacker before the attack: a playing session."""

    def __init__(self, session: AttackSession, peer: AttackPeer) -> None:
        self.session = session
        self.peer = peer

    async def act(self) -> None:
        seq = 0
        sctp = self.peer.connection.sctp
        assert sctp is not None and self.peer.input.id is not None
        while self.peer.is_connected:
            await send_messages(sctp, self.peer.input.id, actions(seq + 1, 1))
            seq += 1
            await asyncio.sleep(ACT_EVERY_S)


@asynccontextmanager
async def playing(api: ApiClient) -> AsyncIterator[HonestPlayer]:
    """Raises CannotAttack if no frame arrives."""
    session = await api.create(OWN)
    peer = AttackPeer(plays=True)
    if session is None or not await peer.connect(api, session, OWN):
        raise CannotAttack(f"no session or no connection: {dict(api.tally.counts[OWN])}")
    honest_player = HonestPlayer(session, peer)
    loops = (peer.beat(), honest_player.act(), api.keep_token(session))
    running = [asyncio.create_task(loop) for loop in loops]
    try:
        ends_at = time.monotonic() + LIVE_TIMEOUT_S
        while not peer.num_packets:
            if time.monotonic() > ends_at:
                raise CannotAttack("no frame came: is there a slot for the attacker's session?")
            await asyncio.sleep(0.1)
        yield honest_player
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def attack(order: Order, api: ApiClient, honest_player: HonestPlayer) -> dict[str, Any]:
    """Runs all attacks at once; returns the tally and the used processor time."""
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: api.tally.add(FAILED, repr(context.get("exception"))[:200])
    )
    queued = [made for _ in range(NUM_QUEUED) if (made := await api.create(OWN)) is not None]
    if len(queued) < NUM_QUEUED:
        raise CannotAttack(f"no queued sessions: {dict(api.tally.counts[OWN])}")
    began, used_before = time.monotonic(), time.process_time()
    context = AttackContext(
        order=order,
        api=api,
        throttle=Throttle(order.rates.cpu_share),
        tally=api.tally,
        until=began + order.seconds,
    )
    running = [asyncio.ensure_future(one) for one in _attacks(context, honest_player, *queued)]
    _, late = await asyncio.wait(running, timeout=order.seconds + GRACE_S)
    for task in late:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Exception):
            api.tally.add(FAILED, repr(outcome)[:200])
    seconds = time.monotonic() - began
    return {
        "seconds": seconds,
        "cpu_share": (time.process_time() - used_before) / seconds,
        "tally": api.tally.counts,
    }


def _attacks(
    context: AttackContext, honest_player: HonestPlayer, first: AttackSession, second: AttackSession
) -> list[Awaitable[None]]:
    """`first` and `second` are in line; their peers connect all the same."""
    attacks: list[Awaitable[None]] = [
        send_datagrams(context),
        send_nacks(context, honest_player.peer),
        flood_socket(context, honest_player.session),
        flood_actions(context, first),
        break_sctp(context, second),
        bring_watchers(context, (honest_player.session, first)),
        send_offers(context, honest_player.session),
        create_sessions(context),
    ]
    for public in context.addresses:
        attacks += [hold_silent(context, public), send_heads(context, public)]
    return attacks


async def main() -> None:
    gather_loopback_only()
    gather_from(ATTACKER_ADDRESS)
    beginning = await _receive()
    os.nice(int(beginning["nice"]))
    api = ApiClient(page_url=str(beginning["page_url"]), tally=Tally())
    try:
        await api.open()
        async with playing(api) as honest_player:
            _send({"is_playing": True})
            order = Order.from_json(await _receive())
            _send(await attack(order, api, honest_player))
    except CannotAttack as error:
        _send({"error": str(error)})


async def _receive() -> dict[str, Any]:
    line = await asyncio.to_thread(sys.stdin.readline)
    found = json.loads(line or "null")
    if not isinstance(found, dict):
        raise CannotAttack("an order is a JSON object on one line")
    return found


def _send(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)  # no farewell to anybody: a hostile client gives none
