"""Who may come in, and how much they may bring. Raises `Problem`, worded for the caller."""

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
    """Browsers always say where a page came from; what is no browser says nothing. Raises 403.

    The page that this ingest process serves is always welcome, whatever name ingest was reached by.
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
    """The record of a session that has not ended. Raises 404."""
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
    """Raises 413 without holding more than that, 408 when the body does not come. The server reads
    and throws away what is left of the body (`http_server/connection.py`)."""
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
