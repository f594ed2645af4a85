"""A temporary folder whose path leaves room for the Unix sockets below it: a socket's address holds
107 bytes (unix(7)), and a long TMPDIR, as on clusters, does not fit."""

import os
import tempfile
from pathlib import Path

MAX_SOCKET_PATH_BYTES = 107
OWN_NAME_BYTES = len("/nf-12345678")
FALLBACKS = ("/tmp", "/var/tmp", "/dev/shm")


class NoShortFolder(OSError):
    """No folder for temporary files can be used; the message says what to set."""


def make_socket_folder(room_bytes: int) -> Path:
    """A new folder, readable by this user only, below which a socket's path may go on for
    `room_bytes`. It lies in the folder for temporary files (TMPDIR), or in one of the system's
    where that path is too long. Raises NoShortFolder."""
    limit = MAX_SOCKET_PATH_BYTES - OWN_NAME_BYTES - room_bytes
    for base in dict.fromkeys((tempfile.gettempdir(), *FALLBACKS)):
        if len(os.fsencode(base)) <= limit and os.access(base, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix="nf-", dir=base))
    raise NoShortFolder(
        f"no folder for temporary files has a path short enough for sockets: set TMPDIR to one "
        f"that you may write to, with at most {limit} characters"
    )
