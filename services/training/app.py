"""The training service's web application: runs, recordings, releases, operator's page.

Builds and wires only.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI

from services.backplane.connection import connect
from services.guard import Guard
from services.operator_access import OperatorAccess
from services.repeated_log import RepeatedLog
from services.telemetry import add_problem_answers
from services.training.launchers.choose import make_launcher
from services.training.launchers.launcher import Launcher
from services.training.page_files import PageFiles
from services.training.recordings.catalog import RecordingsCatalog
from services.training.recordings.routes import recordings_routes
from services.training.recordings.scanner import RecordingsScanner
from services.training.runs.routes import run_routes
from services.training.runs.service import RunService
from services.training.runs.store import RunStore
from services.training.settings import TrainingSettings
from services.training.worlds.routes import world_routes
from services.training.worlds.service import ReleaseService
from training.registry.registry import Registry

repeated = RepeatedLog(logging.getLogger(__name__))

WATCH_S = 1.0
REPUBLISH_S = 5.0


def create_app(settings: TrainingSettings, launcher: Launcher | None = None) -> FastAPI:
    """`launcher`: replaces the launcher named in the settings."""
    store = RunStore(settings.runs, settings.registry)
    runs = RunService(
        store,
        launcher or make_launcher(settings),
        RecordingsCatalog(settings.recording_folders),
        data=settings.data,
        max_running=settings.max_running,
        min_free_mb=settings.min_free_mb,
        keep_days=settings.keep_runs_days or None,
    )

    scanner = RecordingsScanner(settings.recording_folders, settings.data / "stock")
    redis = connect(settings.redis)
    releases = ReleaseService(Registry(settings.registry), redis)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_repeat(runs.watch, WATCH_S, stopping))
            tasks.create_task(_repeat(releases.republish, REPUBLISH_S, stopping))
            tasks.create_task(_repeat(scanner.watch, REPUBLISH_S, stopping))
            yield
            stopping.set()  # the jobs go on; the next service finds them again
        await scanner.close()
        await redis.aclose()

    async def why_not_ready() -> str:
        return "" if settings.runs.is_dir() else "the folder of the runs is gone"

    app = FastAPI(title="Nextframe training", lifespan=lifespan, openapi_url=None)
    app.add_middleware(Guard, origins=settings.origins)
    add_problem_answers(app)
    app.state.why_not_ready = why_not_ready
    operators_only = [Depends(OperatorAccess(settings.operator_token))]
    app.include_router(run_routes(runs), dependencies=operators_only)
    app.include_router(recordings_routes(scanner), dependencies=operators_only)
    app.include_router(world_routes(releases), dependencies=operators_only)
    app.mount("/", PageFiles())
    return app


async def _repeat(
    step: Callable[[], Awaitable[None]], pause_s: float, stopping: asyncio.Event
) -> None:
    """What fails once may succeed the next time: a full disk, a Redis that is away. Ended by a
    flag: redis-py may swallow a cancellation."""
    while not stopping.is_set():
        try:
            await step()
        except Exception as error:
            repeated.warning("repeated step failed", cause=repr(error), with_traceback=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await stopping.wait()
