"""`python -m services.session`: one session service, until it is told to end."""

import asyncio
import os
import sys

import uvicorn

from services.backplane.probe import refuse_unfit
from services.environment import SettingsError, read_settings
from services.session.app import create_app
from services.session.settings import PREFIX, SessionSettings
from services.telemetry import setup_logging, setup_metrics

MAX_CONNECTIONS = 512
DRAIN_S = 5


def main() -> None:
    try:
        settings = read_settings(SessionSettings, PREFIX, os.environ)
        asyncio.run(refuse_unfit(settings.redis))
    except SettingsError as error:
        sys.exit(f"session: {error}")
    setup_logging("session")
    setup_metrics("session")
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_S,
    )


if __name__ == "__main__":
    main()
