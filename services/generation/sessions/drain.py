"""`python -m services.generation.sessions.drain` empties the replica here: a preStop hook.

Returns when its sessions are back in line, each with a fresh snapshot.
"""

import os
import sys
import urllib.error
import urllib.request

from services.environment import SettingsError, read_settings
from services.generation.settings import PREFIX, GenerationSettings

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}


def drain(settings: GenerationSettings, timeout_s: float) -> bool:
    """True when the replica answered that it is empty. False: it was not there in time, or knows
    another drain token."""
    host = EVERY_ADDRESS.get(settings.ops_host, settings.ops_host)
    request = urllib.request.Request(
        f"http://{host}:{settings.ops_port}/drain",
        headers={"Authorization": f"Bearer {settings.drain_token}"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return b"true" in answer.read()
    except (urllib.error.URLError, TimeoutError):
        return False


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
