"""What must be so before anything is started; each complaint says what to do."""

import shutil
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

from services.play.plan import HOST, StackOptions

MIN_FREE_MB = 500  # Ray's session folder and the logs

FLAGS = {
    "port": "--port",
    "session_port": "--session-port",
    "generation_port": "--generation-port",
    "canary_port": "--canary-port",
    "training_port": "--training-port",
    # Nobody asks for these: any free port, as long as it is 0.
    "ingest_ops_port": "",
    "session_ops_port": "",
    "training_ops_port": "",
}


PLAYERS_PORTS = ("port", "session_port")
USUAL = {
    "session_port": StackOptions().session_port,
    "generation_port": StackOptions().generation_port,
}


class CannotStart(Exception):
    """The stack cannot start here as asked. Nothing was started."""


def check_world(world: Path) -> None:
    if not (world / "world.json").is_file():
        raise CannotStart(
            f"there is no world at {world}: name another with --world, or train one with"
            " `python -m training`"
        )


def check_space(*folders: Path) -> None:
    for folder in (Path(tempfile.gettempdir()), *folders):
        free_mb = shutil.disk_usage(folder).free // 2**20
        if free_mb < MIN_FREE_MB:
            raise CannotStart(
                f"only {free_mb} MB are free in {folder}; {MIN_FREE_MB} MB are needed to play"
            )


def with_free_ports(options: StackOptions) -> StackOptions:
    """The options with a free port in place of every 0, and of a usual one that is taken and that
    nobody types into a browser. Raises CannotStart when one that was asked for is taken."""
    held: dict[str, socket.socket] = {}
    try:
        for name, flag in FLAGS.items():
            if (port := getattr(options, name)) is not None:
                host = options.listen_host if name in PLAYERS_PORTS else HOST
                if port == USUAL.get(name) and not _is_free(host, port):
                    port = 0
                held[name] = _bind(host, port, flag)
        return replace(options, **{name: s.getsockname()[1] for name, s in held.items()})
    finally:
        for bound in held.values():
            bound.close()


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port, "").close()
    except CannotStart:
        return False
    return True


def _bind(host: str, port: int, flag: str) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the services do
    try:
        bound.bind((host, port))
        # Without listening, a second socket could bind the same port with the option above.
        bound.listen()
    except OSError:
        bound.close()
        raise CannotStart(
            f"port {port} is in use: end what uses it, or choose another with {flag}"
        ) from None
    return bound
