"""Files that are there whole or not at all, wherever a kill, a full disk or a power cut falls; and
what is said where one is damaged all the same."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from model.disk import sync

# All that NumPy, JSON and safetensors raise about a file that is cut short or somebody else's.
_WRONG = (ValueError, KeyError, TypeError, AttributeError, EOFError, SafetensorError)


class DamagedFile(OSError):
    """A file of ours cannot be read; the message names it and says what to do."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when the block ends well and is gone otherwise. A
    kill may leave it behind; the next writer overwrites it. On disk when the block has ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.building")
    try:
        yield building
        sync(building)
        os.replace(building, path)
        sync(path.parent)
    finally:
        building.unlink(missing_ok=True)


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """What a damaged file makes its parser raise becomes DamagedFile, with what to do."""
    try:
        yield
    except _WRONG as error:
        raise DamagedFile(
            f"{path} is damaged ({type(error).__name__}: {error}); {remedy}"
        ) from error
