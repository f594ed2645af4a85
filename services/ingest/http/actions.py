"""Actions over a WebSocket, for browsers without a working data channel: 28 bytes per message, no
replies.

The token comes as the second subprotocol (`nextframe, <token>`) or as `?token=`. Every error has a
close code; the server accepts the connection first, because a browser shows no code of a refused
connection.

    1003  a text message; actions are binary        4404  no such session
    1011  internal error; try again
    1009  a message far too big (the server's)      4408  no action for 6 s
    4400  a message that is no action               4409  another socket took over
    4401  token missing, wrong or expired           4410  the session has ended
    4403  token of another session, or a page       4429  far too many, for too long
          from a foreign origin                     1013  try again: no free place, or the
                                                          session record cannot be read now
"""

import asyncio

from fastapi import APIRouter, WebSocket
from starlette.types import Message

from services.backplane.connection import BackplaneError
from services.ingest.action_gate import ActionVerdict
from services.ingest.http.access import check_origin, check_token, open_session
from services.ingest.ingest import Ingest
from services.ingest.session_hub import SessionHub
from services.telemetry import Problem

SUBPROTOCOL = "nextframe"
SILENCE_S = 6.0

CODES = {401: 4401, 403: 4403, 404: 4404, 503: 1013}

router = APIRouter()


@router.websocket("/v1/sessions/{session_id}/actions")
async def actions(websocket: WebSocket, session_id: str) -> None:
    ingest: Ingest = websocket.app.state.ingest
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    socket = ActionSocket(websocket)
    try:
        check_origin(websocket, ingest.settings)
        check_token(ingest.tokens, f"Bearer {_token(websocket)}", session_id)
        record = await open_session(ingest.store, session_id)
        ingest.check_socket(session_id)
    except Problem as problem:
        await socket.close(CODES[problem.status], problem.detail)
        return
    except BackplaneError:
        await socket.close(1013, "Try again.")
        return
    hub = ingest.hub(record)
    await hub.attach(socket)
    try:
        await socket.relay(hub)
    finally:
        hub.detach(socket)


class ActionSocket:
    """One accepted WebSocket; the first close wins, later ones do nothing."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._is_closed = False

    async def relay(self, hub: SessionHub) -> None:
        """Passes every message to the hub until the client leaves or breaks a rule."""
        while not self._is_closed:
            try:
                message = await asyncio.wait_for(self._websocket.receive(), SILENCE_S)
            except TimeoutError:
                await self.close(4408, "No action came.")
                return
            if message["type"] == "websocket.disconnect":
                self._is_closed = True
                return
            await self._take(message, hub)

    async def close(self, code: int, reason: str) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._websocket.close(code, reason)

    async def end(self) -> None:
        await self.close(4410, "The session has ended.")

    async def fail(self) -> None:
        await self.close(1011, "Something broke here. Try again.")

    async def close_replaced(self) -> None:
        await self.close(4409, "Another connection took over.")

    async def _take(self, message: Message, hub: SessionHub) -> None:
        action = message.get("bytes")
        if action is None:
            await self.close(1003, "Actions are binary.")
            return
        verdict = hub.take_action(action)
        if verdict is ActionVerdict.MALFORMED:
            await self.close(4400, "Not an action: 28 bytes, version 1.")
        elif verdict is ActionVerdict.ABUSE:
            await self.close(4429, "Too many actions.")


def _token(websocket: WebSocket) -> str:
    offered = [p for p in websocket.scope["subprotocols"] if p != SUBPROTOCOL]
    return offered[0] if offered else websocket.query_params.get("token", "")
