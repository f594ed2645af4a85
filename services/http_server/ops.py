"""Health, readiness, metrics and the OpenAPI document, on a port for operators and probes only."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.telemetry import add_problem_answers

log = logging.getLogger(__name__)

PERIOD_S = 2.0
UNREADY_PERIOD_S = 0.25
STALE_S = 10.0
METHODS = ["GET", "HEAD"]


class Readiness:
    """Calls `check` every `period_s`, more often during a refusal, and caches the answer, so probes
    are free. An answer older than `stale_s` counts as a refusal. `check` returns the reason for an
    operator; empty means ready."""

    def __init__(
        self,
        check: Callable[[], Awaitable[str]],
        *,
        period_s: float = PERIOD_S,
        stale_s: float = STALE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._period_s = period_s
        self._stale_s = stale_s
        self._clock = clock
        self._refusal = "starting"
        self._asked_at = clock()

    @property
    def refusal(self) -> str:
        """Returns the reason to send no traffic; empty means ready."""
        is_stale = self._clock() - self._asked_at > self._stale_s
        return self._refusal or ("the last check is long ago" if is_stale else "")

    async def refresh(self) -> None:
        try:
            self._refusal = await self._check()
        except Exception:
            log.exception("readiness check failed")
            self._refusal = "the check failed; its log line says how"
        self._asked_at = self._clock()

    async def watch(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(UNREADY_PERIOD_S if self.refusal else self._period_s)


def create_ops_app(
    why_not_ready: Callable[[], Awaitable[str]],
    document: Callable[[], dict[str, Any]] | None = None,
) -> FastAPI:
    """/healthz: the event loop runs. /readyz: 200, or 503 with the reason of `why_not_ready`.
    /metrics. `document`: builds the response of /openapi.json."""
    readiness = Readiness(why_not_ready)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(readiness.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    app = FastAPI(openapi_url=None, lifespan=lifespan)
    add_problem_answers(app)

    @app.api_route("/healthz", methods=METHODS)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.api_route("/readyz", methods=METHODS)
    async def readyz() -> PlainTextResponse:
        if refusal := readiness.refusal:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return PlainTextResponse(f"not ready: {refusal}\n", status_code=status)
        return PlainTextResponse("ready\n")

    @app.api_route("/metrics", methods=METHODS)
    async def metrics_text() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    if document is not None:

        @app.api_route("/openapi.json", methods=METHODS)
        async def openapi() -> dict[str, Any]:
            return document()

    return app
