"""HTTP attacks: sessions created at the rate of refusal, and invalid offers."""

import asyncio
import os
import random
from collections.abc import Callable

from loadtest.drills.attack_context import AttackContext, AttackSession

CREATIONS = "creations"
OFFERS = "garbage offers"
GREEDY_SHARE = 0.8  # what has no rate of its own leaves this much of the share to what has one

# Each is an SDP in part only (RFC 8866), or not at all.
GARBAGE: tuple[Callable[[], bytes], ...] = (
    lambda: os.urandom(random.randint(1, 4000)),
    lambda: b"v=0\r\n" * 5000,
    lambda: b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + _video(300),
    lambda: b"v=0\r\na=" + b"group:BUNDLE " * 4000,
    lambda: b"v=0\r\n" + _video(1) + b"a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" * 1000,
)


def _video(count: int) -> bytes:
    return b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\n" * count


async def create_sessions(context: AttackContext) -> None:
    async for _ in context.ticks(context.rates.creations_per_s, of_share=GREEDY_SHARE):
        await context.api.create(CREATIONS)


async def send_offers(context: AttackContext, session: AttackSession) -> None:
    """Sends offers with a valid token, with a wrong token, and without a token."""
    waiting: set[asyncio.Task[None]] = set()
    number = 0
    async for _ in context.ticks(context.rates.offers_per_s):
        task = asyncio.create_task(_send_offer(context, session, number))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        number += 1
    await asyncio.gather(*waiting)


async def _send_offer(context: AttackContext, session: AttackSession, number: int) -> None:
    await context.api.call(
        OFFERS,
        "POST",
        session.whep_url,
        token=(session.token, "", "e30.e30.e30")[number % 3],
        content=GARBAGE[number % len(GARBAGE)](),
        headers={"Content-Type": "application/sdp"},
    )
