"""Refuses a malformed Host header before any parser (RFC 9110, 7.2; RFC 3986, 3.2)."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.telemetry import problem

_HOST = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?")


class HostHeader:
    """ASGI middleware: 400 for a malformed Host; a WebSocket is not accepted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or _HOST.fullmatch(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "bad Host"})
        else:
            refusal = problem(400, "bad-host", "Send a Host header of the form host or host:port.")
            await refusal(scope, receive, send)
