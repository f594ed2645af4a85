"""Checks of origin, token and body size. Raises `Problem` with a text for the caller."""

import asyncio

from fastapi import Request
from starlette.requests import HTTPConnection

from services.backplane.sessions import SessionStore
from services.ingest.settings import IngestSettings
from services.telemetry import Problem
from services.tokens import ForeignToken, InvalidToken, Tokens
from services.wire.session import SessionRecord, SessionStatus

BODY_TIMEOUT_S = 5.0


def check_origin(connection: HTTPConnection, settings: IngestSettings) -> None:
    """Raises 403 for a page of a foreign origin. A client without an Origin header is no browser
    and passes.

    The page served by this process may always connect, under any host name.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in settings.allowed_origins:
        return
    host = connection.headers.get("host")
    if origin not in (f"http://{host}", f"https://{host}"):
        raise Problem(403, "origin-denied", "Pages from your origin may not connect here.")


def check_token(tokens: Tokens, authorization: str | None, session_id: str) -> None:
    """Raises 401 or 403."""
    try:
        tokens.check_bearer(authorization, session_id)
    except InvalidToken as error:
        raise Problem(401, "token-invalid", f"{error}.") from None
    except ForeignToken as error:
        raise Problem(403, "token-foreign", f"{error}.") from None


async def open_session(store: SessionStore, session_id: str) -> SessionRecord:
    """Returns the record of a session that has not ended. Raises 404."""
    record = await store.get(session_id)
    if record is None:
        raise Problem(404, "session-not-found", "There is no such session. Create a new one.")
    if record.status is SessionStatus.ENDED:
        raise Problem(404, "session-ended", f"The session has ended. {record.reason}".strip())
    return record


def check_content_type(request: Request, wanted: str) -> None:
    """Raises 415."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise Problem(415, "wrong-content-type", f"Send the body as {wanted}.")


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """Raises 413 without buffering more than `max_bytes`, and 408 if the body does not arrive in
    time. The server discards the rest of the body (`http_server/connection.py`)."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    detail = f"A request body has at most {max_bytes} bytes."
                    raise Problem(413, "body-too-large", detail)
    except TimeoutError:
        raise Problem(408, "body-timeout", "The body did not arrive in time.") from None
    return bytes(body)
