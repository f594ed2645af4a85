"""The session service's web application: session creation, polling, ending. Builds and wires
only."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from services.backplane.connection import BackplaneError, connect
from services.backplane.redis_probe import RedisProbe
from services.guard import Guard
from services.repeated_log import RepeatedLog
from services.session.lost_sessions import LostSessions
from services.session.operator.page_files import OperatorPage
from services.session.operator.routes import operator_routes
from services.session.operator.service import OperatorService
from services.session.routes import session_routes
from services.session.service import SessionService
from services.session.settings import SessionSettings
from services.session.views import SessionViews
from services.telemetry import add_problem_answers, problem
from services.tokens import Tokens

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)

SWEEP_S = 1.0


def create_app(settings: SessionSettings, *, secret_written_s: float | None = None) -> FastAPI:
    """`secret_written_s`: when the file of the token secret was written; None if unknown."""
    redis = connect(settings.redis)
    probe = RedisProbe(redis)
    tokens = Tokens(settings.token_secret)
    service = SessionService(redis, settings)
    lost = LostSessions(redis, poll_s=SWEEP_S)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_repeat(act)) for act in (service.sweep, lost.recover)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await redis.aclose()

    app = FastAPI(title="Nextframe session", lifespan=lifespan, openapi_url=None)
    app.add_middleware(Guard, origins=settings.origins)
    app.add_middleware(  # around the guard, so that a page can read its refusals
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Retry-After"],
        max_age=600,
    )
    add_problem_answers(app)
    app.add_exception_handler(BackplaneError, _backplane_is_away)
    app.state.why_not_ready = probe.why_not_ready
    app.include_router(session_routes(service, SessionViews(settings, tokens), tokens))
    if settings.operator_token:
        operating = OperatorService(redis, redis_budget_bytes=settings.redis_budget_bytes)
        app.include_router(operator_routes(operating, settings, secret_written_s))
        app.mount("/operator", OperatorPage())
    return app


async def _backplane_is_away(request: Request, error: Exception) -> JSONResponse:
    detail = "Sessions cannot be looked up now. Try again in 2 s."
    return problem(503, "backplane-away", detail, retry_after_s=2)


async def _repeat(act: Callable[[], Awaitable[None]]) -> None:
    """Every SWEEP_S, also across outages of Redis."""
    is_away = False
    while True:
        try:
            await act()
            is_away = False
        except BackplaneError as error:
            if not is_away:
                log.warning("redis is away", extra={"error": str(error)})
            is_away = True
        except Exception as error:  # what is over its time must end whatever is in Redis
            repeated.warning("sweep failed", cause=repr(error), with_traceback=True)
        await asyncio.sleep(SWEEP_S)
