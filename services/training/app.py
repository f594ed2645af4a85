"""The training service as one web application: runs, worlds, the operator's page.

Builds and wires.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI

from services.guard import Guard
from services.telemetry import add_health_routes, add_problem_answers
from services.training.access import OperatorAccess
from services.training.launchers.choose import make_launcher
from services.training.launchers.launcher import Launcher
from services.training.page_files import PageFiles
from services.training.runs.desk import RunDesk
from services.training.runs.routes import run_routes
from services.training.runs.store import RunStore
from services.training.settings import TrainingSettings

log = logging.getLogger(__name__)

WATCH_S = 1.0


def create_app(settings: TrainingSettings, launcher: Launcher | None = None) -> FastAPI:
    """`launcher`: instead of the one that the settings name."""
    store = RunStore(settings.runs, settings.registry)
    runs = RunDesk(
        store,
        launcher or make_launcher(settings),
        data=settings.data,
        max_running=settings.max_running,
        min_free_mb=settings.min_free_mb,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_repeat(runs.watch, WATCH_S))
        try:
            yield
        finally:  # the jobs go on; the next service finds them again
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def is_ready() -> bool:
        return settings.runs.is_dir()

    app = FastAPI(title="Nextframe training", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, origins=settings.origins)
    add_problem_answers(app)
    add_health_routes(app, is_ready)
    operators_only = [Depends(OperatorAccess(settings.operator_token))]
    app.include_router(run_routes(runs), dependencies=operators_only)
    app.mount("/", PageFiles())
    return app


async def _repeat(look: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """What fails once may succeed the next time: a full disk, a launcher that is away."""
    while True:
        try:
            await look()
        except Exception:
            log.exception("look failed")
        await asyncio.sleep(pause_s)
