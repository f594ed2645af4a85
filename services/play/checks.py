"""Checks before the start of any process; each error message says what to do."""

import shutil
import socket
import tempfile
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.play.plan import HOST, StackOptions

ROWS_TRIED = 20  # for several free ports in a row
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


class PreconditionError(Exception):
    """The stack cannot start on this machine with these options. No process was started."""


def check_world(world: Path) -> None:
    if not (world / "world.json").is_file():
        raise PreconditionError(
            f"there is no world at {world}: name another with --world, or train one with"
            " `python -m training`"
        )


def check_space(*folders: Path) -> None:
    for folder in (Path(tempfile.gettempdir()), *folders):
        free_mb = shutil.disk_usage(folder).free // 2**20
        if free_mb < MIN_FREE_MB:
            raise PreconditionError(
                f"only {free_mb} MB are free in {folder}; {MIN_FREE_MB} MB are needed to play"
            )


def with_free_ports(options: StackOptions) -> StackOptions:
    """Replaces every port 0 by a free port, and also an occupied default port that no user types
    into a browser. Ports that the user chose go first: the default ports make room. Raises
    PreconditionError if a requested port is occupied."""
    ports: dict[str, Any] = {}
    with ExitStack() as held:
        for name, flag in sorted(FLAGS.items(), key=lambda item: _is_usual(options, item[0])):
            if (port := getattr(options, name)) is not None:
                host = options.listen_host if name in PLAYERS_PORTS else HOST
                num_ports = len(options.worlds) if name == "generation_port" else 1
                if _is_usual(options, name) and not _are_free(host, port, num_ports):
                    port = 0
                ports[name] = _hold(held, host, port, num_ports, flag)
    return replace(options, **ports)


def _is_usual(options: StackOptions, name: str) -> bool:
    return bool(getattr(options, name) == USUAL.get(name))


def _are_free(host: str, port: int, num_ports: int) -> bool:
    try:
        with ExitStack() as held:
            _hold(held, host, port, num_ports, "")
    except PreconditionError:
        return False
    return True


def _hold(held: ExitStack, host: str, port: int, num_ports: int, flag: str) -> int:
    """The first of `num_ports` ports in a row, nobody else's while `held` is open. `port`: 0 for
    any. Raises PreconditionError."""
    if port:
        return _hold_row(held, host, port, num_ports, flag)
    for _ in range(ROWS_TRIED):
        with suppress(PreconditionError), ExitStack() as tried:
            first = _hold_row(tried, host, 0, num_ports, flag)
            held.push(tried.pop_all())
            return first
    raise PreconditionError(f"no {num_ports} ports in a row are free: choose the first with {flag}")


def _hold_row(held: ExitStack, host: str, port: int, num_ports: int, flag: str) -> int:
    bound = held.enter_context(closing(_bind(host, port, flag)))
    first: int = bound.getsockname()[1]
    for i in range(1, num_ports):
        held.enter_context(closing(_bind(host, first + i, flag)))
    return first


def _bind(host: str, port: int, flag: str) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the services do
    try:
        bound.bind((host, port))
        # Without listening, a second socket could bind the same port with the option above.
        bound.listen()
    except (OSError, OverflowError):  # the latter: no port is that high
        bound.close()
        raise PreconditionError(
            f"port {port} is in use: end what uses it, or choose another with {flag}"
        ) from None
    return bound
