"""What outlives a power cut. Knows no format."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Returns when a file's content, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
