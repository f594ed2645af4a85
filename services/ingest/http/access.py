"""Who may come in, and how much they may bring. Raises `Problem`, worded for the caller."""

import asyncio
from urllib.parse import urlsplit

from fastapi import Request
from starlette.requests import HTTPConnection

from services.backplane.sessions import SessionStore
from services.ingest.settings import IngestSettings
from services.telemetry import Problem
from services.tokens import ForeignToken, InvalidToken, Tokens
from services.wire.session import SessionRecord, SessionStatus

BODY_TIMEOUT_S = 5.0
MAX_DISCARDED_BYTES = 4 << 20


class BodyRefused(Problem):
    """A body that is not read to its end; the connection has no further use."""


def check_origin(connection: HTTPConnection, settings: IngestSettings) -> None:
    """Browsers always say where a page came from; what is no browser says nothing. Raises 403.

    The page that this edge serves is always welcome, whatever name the edge was reached by.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in settings.allowed_origins:
        return
    if urlsplit(origin).netloc != connection.headers.get("host"):
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
    """Raises BodyRefused: 413 without holding more than that, 408 when the body does not come.

    A body that is only somewhat too big is read to its end and thrown away: who still writes when
    the connection closes never gets to read why.
    """
    too_big = BodyRefused(413, "body-too-large", f"A request body has at most {max_bytes} bytes.")
    if _announced(request) > MAX_DISCARDED_BYTES:
        raise too_big
    body, num_bytes = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                num_bytes += len(chunk)
                if num_bytes <= max_bytes:
                    body += chunk
                elif num_bytes > MAX_DISCARDED_BYTES:
                    break
    except TimeoutError:
        raise BodyRefused(408, "body-timeout", "The body did not arrive in time.") from None
    if num_bytes > max_bytes:
        raise too_big
    return bytes(body)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0
