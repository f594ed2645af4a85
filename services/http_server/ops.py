"""What operators and probes ask, on a port that no player reaches: health, readiness, metrics, and
the service's OpenAPI document."""

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
    """Asks `check` every `period_s`, more often until it says yes, and keeps the answer: probes
    cost nothing. An answer older than `stale_s` counts as no."""

    def __init__(
        self,
        check: Callable[[], Awaitable[bool]],
        *,
        period_s: float = PERIOD_S,
        stale_s: float = STALE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._period_s = period_s
        self._stale_s = stale_s
        self._clock = clock
        self._ready_at: float | None = None

    @property
    def is_ready(self) -> bool:
        return self._ready_at is not None and self._clock() - self._ready_at <= self._stale_s

    async def look(self) -> None:
        try:
            self._ready_at = self._clock() if await self._check() else None
        except Exception:
            log.exception("readiness check failed")
            self._ready_at = None

    async def watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._period_s if self.is_ready else UNREADY_PERIOD_S)


def create_ops_app(
    is_ready: Callable[[], Awaitable[bool]],
    document: Callable[[], dict[str, Any]] | None = None,
) -> FastAPI:
    """/healthz: the event loop turns. /readyz: `is_ready` said so lately, else 503. /metrics.
    `document`: makes what /openapi.json answers."""
    readiness = Readiness(is_ready)

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
        if readiness.is_ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", status_code=HTTPStatus.SERVICE_UNAVAILABLE)

    @app.api_route("/metrics", methods=METHODS)
    async def metrics_text() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    if document is not None:

        @app.api_route("/openapi.json", methods=METHODS)
        async def openapi() -> dict[str, Any]:
            return document()

    return app
