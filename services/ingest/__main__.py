"""`python -m services.ingest`: the edge as a process."""

import asyncio
import logging
import os
import sys

import uvicorn

from services.backplane.probe import refuse_unfit
from services.environment import SettingsError, read_settings
from services.ingest.http.app import create_app
from services.ingest.settings import PREFIX, IngestSettings
from services.telemetry import setup_logging, setup_metrics

MAX_SOCKET_MESSAGE_BYTES = 256  # an action has 28


def server_config(settings: IngestSettings) -> uvicorn.Config:
    """How the edge is served. h11 because it bounds a request's head; no access log because a
    socket's address may carry a token."""
    return uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="h11",
        ws="websockets-sansio",
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=512,
        timeout_graceful_shutdown=5,
    )


def main() -> None:
    try:
        settings = read_settings(IngestSettings, PREFIX, os.environ)
        asyncio.run(refuse_unfit(settings.redis))
    except SettingsError as error:
        sys.exit(f"ingest: {error}")
    setup_logging("ingest")
    logging.getLogger("aioice").setLevel(logging.WARNING)  # it tells of every candidate pair
    setup_metrics("ingest")
    uvicorn.Server(server_config(settings)).run()


if __name__ == "__main__":
    main()
