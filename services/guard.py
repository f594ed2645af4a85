"""Checks of origin and body size before any route."""

from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.telemetry import Problem, problem

MAX_BODY_BYTES = 16 * 1024


class Guard:
    """ASGI middleware. A request without an Origin header comes from no browser page and passes.

    Responses are marked as not cacheable, because responses contain tokens, unless a route sets a
    cache header.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            refusal = problem(
                HTTPStatus.FORBIDDEN, "origin-denied", "Pages from your origin may not call this."
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, _bounded(receive), _unstored(send))


def _bounded(receive: Receive) -> Receive:
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            detail = f"A request body has at most {MAX_BODY_BYTES} bytes."
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", detail)
        return message

    return bounded


def _unstored(send: Send) -> Send:
    async def unstored(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return unstored
