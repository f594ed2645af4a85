"""`python -m services.play`: starts all services on this machine; Ctrl-C ends all started
processes."""

import argparse
import os
import re
import secrets
import signal
import sys
import threading
from pathlib import Path

from services.play.checks import PreconditionError
from services.play.plan import StackOptions, shipped_worlds
from services.play.private_redis import NoRedisError
from services.play.stack import LocalStack, ServiceFailed, StopRequested
from services.socket_folder import NoShortFolder

EXIT_FAILED = 1
EXIT_CANNOT_START = 2
WORLD_VARIABLE = "NEXTFRAME_GENERATION_WORLD"
TOKEN_VARIABLES = ("NEXTFRAME_TRAINING_OPERATOR_TOKEN", "NEXTFRAME_SESSION_OPERATOR_TOKEN")


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    stop = threading.Event()
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda *_: stop.set())
    try:
        return play(options, stop)
    except (PreconditionError, NoRedisError, NoShortFolder) as error:
        report(f"Nextframe cannot start: {error}")
        return EXIT_CANNOT_START


def play(options: StackOptions, stop: threading.Event) -> int:
    """Runs until a stop request or the failure of a service; returns the exit status."""
    report(f"Starting Nextframe; its logs are in {options.log_folder}")
    stack = LocalStack(options)
    try:
        stack.wait_until_ready(report, stop)
        report(f"Nextframe is ready: {stack.page_url}")
        if options.training_port is not None:
            report(f"Training: {stack.training_url} with the token {options.operator_token}")
        command = "nextframe --url " + stack.options.session_origin + " status"
        report(f"Operators: NEXTFRAME_OPERATOR_TOKEN={options.operator_token} .venv/bin/{command}")
        where = ", ".join(f"{name} {url}/metrics" for name, url in stack.ops_urls.items())
        report(f"Metrics: {where}")
        for line in reach_from_elsewhere(stack.options):
            report(line)
        report("Ctrl-C ends it.")
        stack.watch(stop)
    except StopRequested:
        pass
    except ServiceFailed as failure:
        report(str(failure))
        return EXIT_FAILED
    finally:
        report("Ending everything.")
        stack.close()
        report("Ended.")
    return 0


def read_options(arguments: list[str] | None) -> StackOptions:
    defaults = StackOptions()
    parser = argparse.ArgumentParser(
        prog="python -m services.play",
        description="Play on this machine: a private Redis and every service, each a process.",
        epilog="A port of 0 takes any free one. What else the services can be told, they are told"
        " by their NEXTFRAME_ variables, which they get from here.",
    )
    parser.add_argument("--port", type=_port, default=defaults.port, help="of the page")
    parser.add_argument(
        "--host", type=_host, default=defaults.host, metavar="ADDRESS",
        help="let others play: the address or name that they reach this machine by. Without it, "
        "only browsers on this machine can play",
    )  # fmt: skip
    parser.add_argument("--session-port", type=_port, default=defaults.session_port)
    parser.add_argument("--generation-port", type=_port, default=defaults.generation_port)
    parser.add_argument(
        "--world", type=Path, action="append", metavar="FOLDER",
        help="of a world to play; again for another one. Without it all that come with Nextframe",
    )  # fmt: skip
    parser.add_argument(
        "--log-folder", type=Path,
        help="build/play, or build/play-PORT where another port than the usual one is asked for",
    )  # fmt: skip
    parser.add_argument(
        "--training-port", type=_port, help="start the training service too, with its page here"
    )
    parser.add_argument(
        "--canary-world", type=Path, help="folder of another version, served beside the first"
    )
    parser.add_argument("--canary-port", type=_port, default=0)
    given = parser.parse_args(arguments)
    canary: Path | None = given.canary_world
    is_usual = given.port == defaults.port
    logs: Path = given.log_folder or (
        defaults.log_folder if is_usual else Path(f"{defaults.log_folder}-{given.port}")
    )
    return StackOptions(
        host=given.host,
        port=given.port,
        session_port=given.session_port,
        generation_port=given.generation_port,
        worlds=_worlds(given.world),
        log_folder=logs.resolve(),
        canary_world=canary and canary.resolve(),
        canary_port=None if canary is None else given.canary_port,
        training_port=given.training_port,
        operator_token=next(filter(None, map(os.environ.get, TOKEN_VARIABLES)), "")
        or secrets.token_hex(32),
    )


def _worlds(given: list[Path] | None) -> tuple[Path, ...]:
    """Those given, else those of the variable, else all that are shipped; each once."""
    named = os.environ.get(WORLD_VARIABLE, "").split(",")
    worlds = given or [Path(name.strip()) for name in named if name.strip()] or shipped_worlds()
    return tuple(dict.fromkeys(world.resolve() for world in worlds))


def reach_from_elsewhere(options: StackOptions) -> list[str]:
    """Returns hints about ports and firewall for players on other machines; empty if only this
    machine can play."""
    if options.is_local:
        return []
    return [
        f"Others open {options.page_origin}/. Let through to this machine: TCP {options.port} "
        f"and {options.session_port}, and UDP, any port.",
        "Whoever reaches these ports can play; limits are those of one household. Where UDP is "
        "blocked, or through SSH, docs/remote.md says what to do.",
    ]


def _host(text: str) -> str:
    """An IPv4 address or a name. An IPv6 address goes by a name here."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"an address or a name of this machine, got {text!r}")
    return text


def report(text: str) -> None:
    print(text, flush=True)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is 0 to 65535, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
