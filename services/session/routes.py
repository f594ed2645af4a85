"""HTTP routes of the session service; `service.py` holds the rules."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from services.callers import caller_of
from services.openapi import ALWAYS, problems
from services.session.messages import CreatedSession, CreateSession, SessionView, Snapshot
from services.session.service import SessionService
from services.session.views import SessionViews
from services.session.world_listing import WorldListing, Worlds
from services.telemetry import Problem
from services.tokens import LOOK_LEEWAY_S, ForeignToken, InvalidToken, Tokens
from services.wire import keys


def session_routes(service: SessionService, views: SessionViews, tokens: Tokens) -> APIRouter:
    """Every call about one session needs the token of the session."""
    router = APIRouter(prefix="/v1", responses=problems(*ALWAYS))
    listing = WorldListing()
    of_one = problems(401, 404, 429)

    def own_session(
        request: Request, session_id: str, authorization: Annotated[str, Header()] = ""
    ) -> str:
        leeway_s = LOOK_LEEWAY_S if request.method == "GET" else 0.0
        try:
            tokens.check_bearer(authorization, session_id, leeway_s=leeway_s)
        except InvalidToken as error:
            raise Problem(401, "token-invalid", f"{error}.") from error
        except ForeignToken as error:
            raise Problem(403, "token-foreign", f"{error}.") from error
        return session_id

    OwnSession = Annotated[str, Depends(own_session)]

    @router.get("/worlds", responses={200: {"model": Worlds}, 304: {"description": "Unchanged"}})
    async def worlds(if_none_match: Annotated[str, Header()] = "") -> Response:
        return listing.answer(await service.worlds(), if_none_match)

    @router.post(
        "/sessions",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(404, 409, 429),
    )
    async def create(request: Request, body: CreateSession | None = None) -> CreatedSession:
        caller = caller_of(request.client.host if request.client else "")
        record = await service.open((body or CreateSession()).to_request(), caller)
        return views.created(record, await service.wait_of(record))

    @router.get("/sessions/{session_id}", response_model_exclude_none=True, responses=of_one)
    async def look(session_id: OwnSession) -> SessionView:
        record = await service.get(session_id)
        return views.view(record, await service.wait_of(record))

    @router.delete("/sessions/{session_id}", status_code=204, responses=of_one)
    async def end(session_id: OwnSession) -> None:
        await service.end(session_id)

    @router.post(
        "/sessions/{session_id}/snapshot",
        status_code=201,
        responses=of_one | problems(409),
    )
    async def keep(session_id: OwnSession) -> Snapshot:
        snapshot_id = await service.save_snapshot(session_id)
        lifetime = timedelta(seconds=keys.SNAPSHOT_TTL_S)
        return Snapshot(snapshot=snapshot_id, expires_at=datetime.now(UTC) + lifetime)

    return router
