"""Files that are there whole or not at all, wherever a kill or a full disk falls."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when the block ends well and is gone otherwise. A
    kill may leave it behind; the next writer overwrites it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.building")
    try:
        yield building
        os.replace(building, path)
    finally:
        building.unlink(missing_ok=True)
