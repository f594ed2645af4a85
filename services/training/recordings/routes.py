"""The call about recordings: which folders a run may name, and what they hold."""

from fastapi import APIRouter

from services.openapi import ALWAYS, problems
from services.training.recordings.stocktaker import RecordingsView, Stocktaker


def recordings_routes(stocktaker: Stocktaker) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=problems(*ALWAYS, 401))

    @router.get("/recordings")
    def recordings() -> dict[str, list[RecordingsView]]:
        return {"recordings": stocktaker.views()}

    return router
