"""HTTP routes of the runs; `service.py` holds the rules."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from services.openapi import ALWAYS, problems
from services.training.runs.record import RunRecord
from services.training.runs.service import RunService
from services.training.runs.views import Row, RunView, curve, last_lines, view
from training.job_state import LOG, STAGES
from training.recipes.overrides import NEED_RECORDINGS, OVERRIDES, RECIPES

MAX_OVERRIDES = 32
MAX_LISTED = 100  # runs, the newest

Overrides = Annotated[dict[str, int | float], Field(max_length=MAX_OVERRIDES)]
RunId = Annotated[str, Path(pattern="^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$")]


class SubmitRun(BaseModel):
    """`overrides`: place in the recipe -> value, as listed by GET /v1/recipes. `recordings`: a name
    of GET /v1/recordings, for recipes with recordings."""

    model_config = ConfigDict(extra="forbid", strict=True)

    recipe: Annotated[str, Field(max_length=64)]
    overrides: Overrides = {}
    recordings: Annotated[str, Field(max_length=64)] = ""


class ResumeRun(BaseModel):
    """`overrides`: new values for the remaining stages."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overrides: Overrides = {}


def run_routes(service: RunService) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=problems(*ALWAYS, 401))

    def seen(record: RunRecord) -> RunView:
        return view(record, service.folder(record.run_id))

    @router.get("/recipes")
    def recipes() -> dict[str, Any]:
        bounds = {
            name: {"kind": bound.kind.__name__, "min": bound.low, "max": bound.high}
            for name, bound in OVERRIDES.items()
        }
        need = sorted(NEED_RECORDINGS)
        return {"recipes": RECIPES, "overrides": bounds, "need_recordings": need}

    @router.post("/runs", status_code=201, responses=problems(409, 429))
    async def submit(run: SubmitRun) -> RunView:
        return seen(await service.submit(run.recipe, run.overrides, run.recordings))

    @router.get("/runs")
    def runs() -> dict[str, list[RunView]]:
        return {"runs": [seen(record) for record in service.all()[:MAX_LISTED]]}

    @router.get("/runs/{run_id}", responses=problems(404))
    def look(run_id: RunId) -> RunView:
        return seen(service.find(run_id))

    @router.delete("/runs/{run_id}", status_code=204, responses=problems(404, 409))
    async def delete(run_id: RunId) -> None:
        await service.delete(run_id)

    @router.get("/runs/{run_id}/curves", responses=problems(404))
    def curves(
        run_id: RunId, points: Annotated[int, Query(ge=2, le=2000)] = 300
    ) -> dict[str, dict[str, list[Row]]]:
        folder = service.folder(run_id)
        found = {stage: curve(folder, stage, max_points=points) for stage in STAGES}
        return {"curves": {stage: rows for stage, rows in found.items() if rows}}

    @router.get("/runs/{run_id}/log", response_class=PlainTextResponse, responses=problems(404))
    def read_log(
        run_id: RunId, lines: Annotated[int, Query(ge=1, le=1000)] = 200
    ) -> PlainTextResponse:
        return PlainTextResponse("\n".join(last_lines(service.folder(run_id) / LOG, lines)))

    @router.post("/runs/{run_id}/cancel", responses=problems(404, 409))
    async def cancel(run_id: RunId) -> RunView:
        return seen(await service.cancel(run_id))

    @router.post("/runs/{run_id}/resume", responses=problems(404, 409, 429))
    async def resume(run_id: RunId, order: ResumeRun | None = None) -> RunView:
        return seen(await service.resume(run_id, order.overrides if order else {}))

    return router
