"""`python -m services.generation`: a Ray of its own on this machine, and the app in it.

Under KubeRay there is a Ray already and this file is not used. Ends with everything it started on
SIGTERM or SIGINT, after the sessions have been saved and put back in line.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

# Read when Ray is imported: no reports to its makers, no bars in our log.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray import serve
from ray.serve.config import ProxyLocation

from services.backplane.connection import connect, is_up
from services.environment import SettingsError, read_settings
from services.generation.deployment import app
from services.generation.drain import drain
from services.generation.settings import PREFIX, GenerationSettings
from services.telemetry import setup_logging

APP_NAME = "nextframe"
OBJECT_STORE_BYTES = 300 * 10**6  # nothing of ours goes through it
WATCH_S = 1.0

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """The message says what to change."""


class Stopped(BaseException):
    """A signal came. Not an Exception: nothing that Ray does with errors may swallow it."""


def main() -> int:
    try:
        settings = read_settings(GenerationSettings, PREFIX, os.environ)
        setup_logging("generation")
        _listen_to_signals()
        _check_surroundings(settings)
        with _local_ray(settings):
            _serve(settings)
    except Stopped:
        log.info("stopped")
        return 0
    except (SettingsError, CannotStart) as error:
        print(f"generation: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(settings: GenerationSettings) -> None:
    """Until a signal comes."""
    serve.start(proxy_location=ProxyLocation.Disabled)
    try:
        serve.run(app({}), name=APP_NAME, route_prefix=None)
        log.info("generation is up", extra={"health_port": settings.port})
        threading.Event().wait()
    except RuntimeError as error:
        raise CannotStart(f"the replica does not start: {error}") from error
    finally:
        _ignore_signals()
        drain(settings.port, settings.drain_s)
        serve.shutdown()  # type: ignore[no-untyped-call]


def _check_surroundings(settings: GenerationSettings) -> None:
    """What would otherwise fail inside a replica, again and again, and be hard to read."""
    try:
        socket.create_server((settings.host, settings.port)).close()
    except OSError as error:
        raise CannotStart(
            f"port {settings.port} on {settings.host}: {error.strerror}. "
            f"Set {PREFIX}PORT to a free one."
        ) from error
    check = subprocess.run(
        [sys.executable, "-m", "services.generation.world_check", settings.world]
    )
    if check.returncode:
        raise CannotStart(f"no world to serve; {PREFIX}WORLD names its folder")
    if not asyncio.run(_redis_is_up(settings.redis_url)):
        raise CannotStart("Redis does not answer at NEXTFRAME_REDIS_URL")


async def _redis_is_up(url: str) -> bool:
    async with connect(url) as redis:
        return await is_up(redis)


@contextlib.contextmanager
def _local_ray(settings: GenerationSettings) -> Iterator[None]:
    """A Ray in a folder of its own. What it starts dies with this process, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="nf-"))  # short: sockets lie in it
    try:
        ray.init(
            address="local",
            num_cpus=max(1, round(settings.num_cpus)),
            num_gpus=round(settings.num_gpus),
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=str(folder),
        )
        _listen_to_signals()  # Ray has set its own
        yield
    finally:
        _ignore_signals()
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _listen_to_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, frame: object) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
