"""`python -m services.generation.sessions.drain` empties the replicas of one machine: a preStop
hook.

Returns when all sessions are back in the queue, each with a fresh snapshot."""

import os
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from services.environment import SettingsError, read_settings
from services.generation.settings import PREFIX, GenerationSettings
from services.generation.worlds_served import ops_ports

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}


def drain(settings: GenerationSettings, timeout_s: float) -> bool:
    """True when at least one replica listens on the machine and every replica has answered "empty".
    False when a replica was not empty after `timeout_s`, or has another drain token."""
    ports = ops_ports(settings)
    with ThreadPoolExecutor(len(ports)) as threads:
        answers = [*threads.map(lambda port: _drain(settings, port, timeout_s), ports)]
    answered = [is_empty for is_empty in answers if is_empty is not None]
    return bool(answered) and all(answered)


def _drain(settings: GenerationSettings, port: int, timeout_s: float) -> bool | None:
    """None: no replica listens on the port, as in a pod with fewer replicas than worlds."""
    host = EVERY_ADDRESS.get(settings.ops_host, settings.ops_host)
    request = urllib.request.Request(
        f"http://{host}:{port}/drain",
        headers={"Authorization": f"Bearer {settings.drain_token}"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return b"true" in answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return None if isinstance(reason, ConnectionRefusedError) else False


def main() -> None:
    try:
        settings = read_settings(GenerationSettings, PREFIX, os.environ)
    except SettingsError as error:
        sys.exit(f"generation: {error}")
    if not settings.drain_token:
        sys.exit(f"generation: set {PREFIX}DRAIN_TOKEN to the replica's")
    if not drain(settings, settings.drain_s + 5):
        sys.exit(f"generation: no replica on port {settings.ops_port} could be emptied")


if __name__ == "__main__":
    main()
