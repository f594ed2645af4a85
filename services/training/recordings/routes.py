"""HTTP route of the recordings: allowed folders with their content."""

from fastapi import APIRouter

from services.openapi import ALWAYS, problems
from services.training.recordings.scanner import RecordingsScanner, RecordingsView


def recordings_routes(scanner: RecordingsScanner) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=problems(*ALWAYS, 401))

    @router.get("/recordings")
    def recordings() -> dict[str, list[RecordingsView]]:
        return {"recordings": scanner.views()}

    return router
