"""Temporary folders with short paths for Unix sockets: a socket address has at most 107 bytes
(unix(7)), and a long TMPDIR, as on clusters, exceeds the limit."""

import os
import tempfile
from pathlib import Path

MAX_SOCKET_PATH_BYTES = 107
OWN_NAME_BYTES = len("/nf-12345678")
FALLBACKS = ("/tmp", "/var/tmp", "/dev/shm")


class NoShortFolder(OSError):
    """No folder for temporary files has a short enough path; the message names the setting to
    change."""


def make_socket_folder(room_bytes: int) -> Path:
    """Creates a folder, readable by this user only, whose path leaves `room_bytes` for a socket's
    path.

    Uses the folder for temporary files (TMPDIR), or a system folder if TMPDIR is too long. Raises
    NoShortFolder.
    """
    limit = MAX_SOCKET_PATH_BYTES - OWN_NAME_BYTES - room_bytes
    for base in dict.fromkeys((tempfile.gettempdir(), *FALLBACKS)):
        if len(os.fsencode(base)) <= limit and os.access(base, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix="nf-", dir=base))
    raise NoShortFolder(
        f"no folder for temporary files has a path short enough for sockets: set TMPDIR to one "
        f"that you may write to, with at most {limit} characters"
    )
