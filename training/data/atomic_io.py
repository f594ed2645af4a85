"""Atomic file writes: a kill, a full disk or a power cut leaves the old file or the new file, never
a part. Reads of damaged files raise one error that says what to do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from model.disk import sync

# Every error of NumPy, JSON and safetensors for a truncated file or a file of another format.
_PARSE_ERRORS = (ValueError, KeyError, TypeError, AttributeError, EOFError, SafetensorError)


class DamagedFile(OSError):
    """A file of this project cannot be read; the message names the file and the remedy."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path. The temporary file replaces `path` when the block succeeds and is
    removed when the block raises. After a kill the temporary file may remain; the next writer
    overwrites the file. The new file is synced to disk when the block has ended."""
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
    """Turns the parser's error for a damaged file into DamagedFile with `remedy`."""
    try:
        yield
    except _PARSE_ERRORS as error:
        raise DamagedFile(
            f"{path} is damaged ({type(error).__name__}: {error}); {remedy}"
        ) from error
