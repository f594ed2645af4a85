"""UDP attacks on the players' ports from an unknown socket."""

import os
import random
import socket
from collections.abc import Callable
from struct import pack

from loadtest.drills.attack_context import AttackContext
from loadtest.drills.plan import ATTACKER_ADDRESS

NAME = "datagrams"
STUN_COOKIE = 0x2112A442  # RFC 8489, section 5
OVERLONG_BYTES = 1700


def like_stun() -> bytes:
    """Returns a datagram with the header of a STUN binding request and a random body."""
    noise = os.urandom(random.randrange(4, 64, 4))
    return pack("!HHI", 1, len(noise), STUN_COOKIE) + os.urandom(12) + noise


KINDS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "overlong": lambda: os.urandom(OVERLONG_BYTES),
    "random": lambda: os.urandom(random.randint(1, 1200)),
    "like STUN": like_stun,
}


async def send_datagrams(context: AttackContext) -> None:
    """Sends one datagram of each kind per tick, to the players' ports in turn."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((ATTACKER_ADDRESS, 0))
        peer.setblocking(False)
        number = 0
        async for _ in context.ticks(context.rates.datagrams_per_s / len(KINDS)):
            for kind, make in KINDS.items():
                port = context.order.ports[number % len(context.order.ports)]
                number += 1
                try:
                    peer.sendto(make(), port)
                except OSError as error:
                    context.tally.add(NAME, type(error).__name__)
                else:
                    context.tally.add(NAME, kind)
