"""`python -m services.ingest`: runs one ingest process until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import sys

from services.backplane.redis_probe import refuse_unfit
from services.environment import SettingsError, read_settings
from services.http_server.limits import ConnectionLimits
from services.http_server.listener import listen
from services.http_server.server import PublicServer, run
from services.http_server.web_socket import BoundedWebSocket
from services.ingest.http.app import create_app
from services.ingest.settings import PREFIX, IngestSettings
from services.telemetry import setup_logging, setup_metrics

WEB_SOCKET = {
    "ws": BoundedWebSocket,
    "ws_max_size": 256,  # an action has 28 bytes
    "ws_per_message_deflate": False,
}


def main() -> None:
    try:
        settings = read_settings(IngestSettings, PREFIX, os.environ)
        asyncio.run(refuse_unfit(settings.redis))
        listener = listen(settings.host, settings.port, f"{PREFIX}PORT")
        ops_listener = listen(settings.ops_host, settings.ops_port, f"{PREFIX}OPS_PORT")
    except SettingsError as error:
        sys.exit(f"ingest: {error}")
    setup_logging("ingest")
    logging.getLogger("aioice").setLevel(logging.WARNING)  # it tells of every candidate pair
    setup_metrics("ingest")
    limits = ConnectionLimits(
        max_connections=settings.max_connections,
        max_per_address=settings.max_connections_per_address,
    )
    public = PublicServer(
        app=create_app(settings),
        listener=listener,
        limits=limits,
        proxies=settings.trusted_proxies,
        web_socket=WEB_SOCKET,
    )
    run(public, ops_listener)


if __name__ == "__main__":
    main()
