"""`python -m services.generation.sessions.drain` empties the replica here: a preStop hook.

Returns when its sessions are back in line, each with a fresh snapshot.
"""

import os
import sys
import urllib.error
import urllib.request

from services.environment import SettingsError, read_settings
from services.generation.settings import PREFIX, GenerationSettings


def drain(port: int, timeout_s: float) -> bool:
    """True when the replica answered that it is empty. False: it was not there in time."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/drain", method="POST")
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
    if not drain(settings.port, settings.drain_s + 5):
        sys.exit(f"generation: no replica on port {settings.port} could be emptied")


if __name__ == "__main__":
    main()
