"""The call about recordings: which folders a run may name, and what they hold."""

from fastapi import APIRouter

from services.openapi import ALWAYS, problems
from services.training.recordings.scanner import RecordingsScanner, RecordingsView


def recordings_routes(scanner: RecordingsScanner) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=problems(*ALWAYS, 401))

    @router.get("/recordings")
    def recordings() -> dict[str, list[RecordingsView]]:
        return {"recordings": scanner.views()}

    return router
