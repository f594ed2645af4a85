"""`python -m services.generation`: a local Ray, and the app in Ray Serve.

Not used under KubeRay, where Ray runs already. SIGTERM or SIGINT saves the sessions, puts them back
in the queue and ends all started processes.
"""

import contextlib
import logging
import math
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from services.environment import SettingsError, read_settings
from services.generation.checks import CannotStart, check_surroundings
from services.generation.sessions.drain import drain
from services.generation.settings import PREFIX, GenerationSettings
from services.generation.sweeper import Sweeper
from services.generation.worlds_served import find_worlds, ops_ports
from services.socket_folder import NoShortFolder, make_socket_folder
from services.telemetry import setup_logging

APP_NAME = "nextframe"
EXIT_RAY_LOST = 3
GCS_PERIOD_S = 1.0
MAX_GCS_MISSES = 3  # in a row
OBJECT_STORE_BYTES = 300 * 10**6  # Nextframe stores no objects in Ray

# Read when Ray is imported.
RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # 15 by default: replicas would run after all other processes
    "RAY_raylet_start_wait_time_s": "120",  # 30 by default, too short for a busy small machine
}

# Length of the longest socket path below Ray's folder.
RAY_SOCKET_BYTES = len("/session_2026-11-30_23-59-59_123456_4194304/sockets/plasma_store.1")
DRAIN_TOKEN = f"{PREFIX}DRAIN_TOKEN"

log = logging.getLogger(__name__)


class Stopped(BaseException):
    """A signal came. Not an Exception, which Ray's error handling might swallow."""


def main() -> int:
    # The replica is another process with the same environment: both need the same drain token.
    os.environ[DRAIN_TOKEN] = os.environ.get(DRAIN_TOKEN) or secrets.token_urlsafe(32)
    try:
        settings = read_settings(GenerationSettings, PREFIX, os.environ)
        setup_logging("generation")
        _listen_to_signals()
        check_surroundings(settings)
        with _local_ray(settings):
            _serve(settings)
    except (Stopped, SystemExit):  # SystemExit: Ray's answer to a signal during its start
        log.info("stopped")
    except (SettingsError, CannotStart, NoShortFolder) as error:
        print(f"generation: {error}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _local_ray(settings: GenerationSettings) -> Iterator[None]:
    """Ray in a folder of its own. All processes of Ray end within seconds after the service, in any
    case."""
    # Without a token Ray writes a token into the user's home and leaves the file.
    own = RAY_ENVIRONMENT | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ.update(own | os.environ)  # an operator's own values win
    import ray  # takes seconds: the checks run before

    folder = make_socket_folder(RAY_SOCKET_BYTES)
    sweeper = Sweeper(folder)
    try:
        _start_ray(settings, folder)
        _listen_to_signals()  # Ray has installed its own handlers
        yield
    finally:
        _ignore_signals()
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        sweeper.close()


def _start_ray(settings: GenerationSettings, folder: Path) -> None:
    import ray

    num_replicas = len(find_worlds(settings.worlds)) * settings.most_replicas
    try:
        ray.init(
            address="local",
            num_cpus=max(1, math.ceil(num_replicas * settings.num_cpus)),
            num_gpus=math.ceil(num_replicas * settings.num_gpus),
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=str(folder),
        )
    except Exception as error:  # Ray raises nothing more precise
        raise CannotStart(f"Ray does not start here: {error}") from error


def _serve(settings: GenerationSettings) -> None:
    """Runs until a signal comes or Ray is lost."""
    from ray import serve
    from ray.serve.config import ProxyLocation

    from services.generation.deployment import app

    serve.start(proxy_location=ProxyLocation.Disabled)
    try:
        serve.run(app({}), name=APP_NAME, route_prefix=None)
        log.info("generation is up", extra={"ops_ports": ops_ports(settings)})
        _watch_ray()
        log.error("ray is lost: its GCS does not answer")
        _leave_ray(settings)
    except RuntimeError as error:
        raise CannotStart(f"a replica does not start: {error}") from error
    finally:
        _ignore_signals()
        drain(settings, settings.drain_s)
        serve.shutdown()  # type: ignore[no-untyped-call]


def _watch_ray() -> None:
    """Returns when Ray's GCS is gone. Ray itself would end the process a minute later, without
    notice to the replicas."""
    import ray

    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    num_missed = 0
    while num_missed < MAX_GCS_MISSES:
        time.sleep(GCS_PERIOD_S)
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=GCS_PERIOD_S).close()
            num_missed = 0
        except OSError:
            num_missed += 1


def _leave_ray(settings: GenerationSettings) -> None:
    """Saves the sessions and puts them back in the queue. Ray's own shutdown would wait for the
    GCS; the sweeper ends the remaining processes."""
    _ignore_signals()
    drain(settings, settings.drain_s)
    logging.shutdown()
    os._exit(EXIT_RAY_LOST)


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
