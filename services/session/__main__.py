"""`python -m services.session`: runs one session service until SIGTERM or SIGINT."""

import asyncio
import os
import sys

from services.backplane.redis_probe import refuse_unfit
from services.environment import SettingsError, file_time_s, read_settings
from services.http_server.limits import ConnectionLimits
from services.http_server.listener import listen
from services.http_server.server import PublicServer, run
from services.session.app import create_app
from services.session.settings import PREFIX, TOKEN_SECRET, SessionSettings
from services.telemetry import setup_logging, setup_metrics


def main() -> None:
    try:
        settings = read_settings(SessionSettings, PREFIX, os.environ)
        asyncio.run(refuse_unfit(settings.redis))
        written_s = file_time_s(TOKEN_SECRET, os.environ)
        listener = listen(settings.host, settings.port, f"{PREFIX}PORT")
        ops_listener = listen(settings.ops_host, settings.ops_port, f"{PREFIX}OPS_PORT")
    except SettingsError as error:
        sys.exit(f"session: {error}")
    setup_logging("session")
    setup_metrics("session")
    limits = ConnectionLimits(
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
    )
    public = PublicServer(
        app=create_app(settings, secret_written_s=written_s),
        listener=listener,
        limits=limits,
        proxies=settings.trusted_proxies,
    )
    run(public, ops_listener)


if __name__ == "__main__":
    main()
