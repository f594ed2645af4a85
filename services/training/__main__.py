"""`python -m services.training`: runs the training service until SIGTERM or SIGINT."""

import asyncio
import os
import sys

from services.backplane.redis_probe import refuse_unfit
from services.environment import SettingsError, read_settings
from services.http_server.limits import ConnectionLimits
from services.http_server.listener import listen
from services.http_server.server import PublicServer, run
from services.telemetry import setup_logging, setup_metrics
from services.training.app import create_app
from services.training.launchers.launcher import LaunchError
from services.training.settings import PREFIX, TrainingSettings


def main() -> None:
    setup_logging("training")
    setup_metrics("training")
    try:
        settings = read_settings(TrainingSettings, PREFIX, os.environ)
        asyncio.run(refuse_unfit(settings.redis))
        listener = listen(settings.host, settings.port, f"{PREFIX}PORT")
        ops_listener = listen(settings.ops_host, settings.ops_port, f"{PREFIX}OPS_PORT")
        app = create_app(settings)
    except (SettingsError, LaunchError) as error:
        sys.exit(f"training: {error}")
    limits = ConnectionLimits(
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
    )
    run(PublicServer(app=app, listener=listener, limits=limits), ops_listener)


if __name__ == "__main__":
    main()
