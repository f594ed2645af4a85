"""Floods the action WebSocket."""

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from loadtest.drills.attack_context import AttackContext, AttackSession
from loadtest.drills.attacks.peers import ACTIONS_PER_PACKET, actions
from loadtest.drills.plan import ATTACKER_ADDRESS

NAME = "actions (WebSocket)"
AGAIN_PER_S = 1.0


async def flood_socket(context: AttackContext, session: AttackSession) -> None:
    """Sends half of the actions until the socket closes, then connects again."""
    url = session.actions_url.replace("http", "ws", 1)
    async for _ in context.ticks(AGAIN_PER_S):
        try:
            async with connect(
                url,
                subprotocols=["nextframe", session.token],  # type: ignore[list-item]
                local_addr=(ATTACKER_ADDRESS, 0),
                proxy=None,
                compression=None,
            ) as socket:
                context.tally.add(NAME, "opened")
                await _flood(context, socket)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else "without a code"
            context.tally.add(NAME, f"closed {code}")
        except (OSError, TimeoutError, WebSocketException) as error:
            context.tally.add(NAME, type(error).__name__)


async def _flood(context: AttackContext, socket: ClientConnection) -> None:
    seq = 0
    async for _ in context.ticks(context.rates.actions_per_s / 2 / ACTIONS_PER_PACKET):
        for action in actions(seq + 1, ACTIONS_PER_PACKET):
            await socket.send(action)
        seq += ACTIONS_PER_PACKET
        context.tally.add(NAME, "sent", ACTIONS_PER_PACKET)
        await asyncio.sleep(0)
