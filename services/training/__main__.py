"""`python -m services.training`: the training service, until it is told to end."""

import asyncio
import os
import sys

import uvicorn

from services.backplane.probe import refuse_unfit
from services.environment import SettingsError, read_settings
from services.telemetry import setup_logging, setup_metrics
from services.training.app import create_app
from services.training.launchers.launcher import LaunchError
from services.training.settings import PREFIX, TrainingSettings

MAX_CONNECTIONS = 128
DRAIN_S = 5


def main() -> None:
    setup_logging("training")
    setup_metrics("training")
    try:
        settings = read_settings(TrainingSettings, PREFIX, os.environ)
        asyncio.run(refuse_unfit(settings.redis))
        app = create_app(settings)
    except (SettingsError, LaunchError) as error:
        sys.exit(f"training: {error}")
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_S,
    )


if __name__ == "__main__":
    main()
