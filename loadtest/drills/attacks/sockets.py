"""Actions by WebSocket, far too many."""

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from loadtest.drills.attacks.peers import ACTIONS_PER_PACKET, actions
from loadtest.drills.ground import Ground, Session
from loadtest.drills.plan import ATTACKER_ADDRESS

NAME = "actions (WebSocket)"
AGAIN_PER_S = 1.0


async def flood_socket(ground: Ground, session: Session) -> None:
    """Half of the actions, until the socket is closed, and again."""
    url = session.actions_url.replace("http", "ws", 1)
    async for _ in ground.ticks(AGAIN_PER_S):
        try:
            async with connect(
                url,
                subprotocols=["nextframe", session.token],  # type: ignore[list-item]
                local_addr=(ATTACKER_ADDRESS, 0),
                proxy=None,
                compression=None,
            ) as socket:
                ground.tally.add(NAME, "opened")
                await _flood(ground, socket)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else "without a code"
            ground.tally.add(NAME, f"closed {code}")
        except (OSError, TimeoutError, WebSocketException) as error:
            ground.tally.add(NAME, type(error).__name__)


async def _flood(ground: Ground, socket: ClientConnection) -> None:
    seq = 0
    async for _ in ground.ticks(ground.rates.actions_per_s / 2 / ACTIONS_PER_PACKET):
        for action in actions(seq + 1, ACTIONS_PER_PACKET):
            await socket.send(action)
        seq += ACTIONS_PER_PACKET
        ground.tally.add(NAME, "sent", ACTIONS_PER_PACKET)
        await asyncio.sleep(0)
