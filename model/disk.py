"""What outlives a power cut. Knows no format."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """A file's content, or which names a folder holds, is on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
