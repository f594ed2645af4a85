"""The web application of ingest: page, signalling and action socket.

Builds and wires only; `session_hub.py` runs a session after the offer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from services.backplane.connection import BackplaneError
from services.ingest.http import actions, whep, whep_discovery
from services.ingest.http.player_files import PlayerFiles
from services.ingest.ingest import Ingest
from services.ingest.settings import IngestSettings
from services.openapi import ALWAYS, problems
from services.telemetry import add_problem_answers, problem
from services.wire.codec import VideoCodec


def create_app(settings: IngestSettings) -> FastAPI:
    ingest = Ingest(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with ingest:
            yield

    app = FastAPI(title="Nextframe ingest", lifespan=lifespan, openapi_url=None)
    app.state.ingest = ingest
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-Match"],
        expose_headers=["Accept-Post", "Allow", "ETag", "Link", "Location", "Retry-After"],
        max_age=600,
    )
    add_problem_answers(app)
    app.add_exception_handler(BackplaneError, _backplane_is_away)
    app.state.why_not_ready = ingest.why_not_ready
    app.include_router(whep.router)
    app.include_router(whep_discovery.router)
    app.include_router(actions.router)

    @app.get("/config.json", responses=problems(*ALWAYS))
    async def config() -> dict[str, str | list[str]]:
        """What the page must know before it can ask anybody. `video`: MIME types of the codecs that
        a session can be played in; a browser that decodes none of them cannot play."""
        return {
            "session_url": settings.session_url,
            "video": [codec.mime_type for codec in VideoCodec],
        }

    app.mount("/", PlayerFiles(settings.session_url, settings.page_url))
    return app


async def _backplane_is_away(request: Request, error: Exception) -> JSONResponse:
    detail = "Sessions cannot be looked up now. Try again in 2 s."
    return problem(503, "backplane-away", detail, retry_after_s=2)
