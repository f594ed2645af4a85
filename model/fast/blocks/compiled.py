"""Block operations compiled by torch, and a cache file of compiled code that outlives the process.

Operations are compiled once for all layers, whose weights are arguments. Knows no runner.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import torch

Operation = TypeVar("Operation", bound=Callable[..., object])


def compiled(
    operation: Operation, *, backend: str | Callable[..., object] = "inductor"
) -> Operation:
    """The same function, compiled when the first shape is met; the second shape is compiled for all
    others. `backend`: torch.compile's."""
    return cast(Operation, torch.compile(operation, backend=backend))


class CompileCache:
    """A file of torch's compiled code, in a folder that only the present user may write to: the
    file holds code, like torch's own cache. Each version of torch has its own file."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises ValueError for a folder that other users may write to."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError(f"{folder} must belong to this user and be writable by nobody else")
        self._file = folder / f"torch-{torch.__version__}.bin"

    def load(self) -> bool:
        """What was compiled before need not be compiled again. False: nothing was."""
        if not self._file.exists():
            return False
        return torch.compiler.load_cache_artifacts(self._file.read_bytes()) is not None

    def save(self) -> None:
        """Saves the code compiled or loaded by the process, for the next process."""
        artifacts = torch.compiler.save_cache_artifacts()
        if artifacts is None:
            return
        building = self._file.with_suffix(".tmp")
        building.write_bytes(artifacts[0])
        os.replace(building, self._file)
