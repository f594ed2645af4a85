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
    """The same function, compiled when its first shape is met; the second shape is compiled for all
    others. `backend`: torch.compile's."""
    return cast(Operation, torch.compile(operation, backend=backend))


class CompileCache:
    """One file of what torch has compiled, in a folder that belongs to nobody else: like torch's
    own cache it holds code. Another version of torch has another file."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises ValueError for one that others may write to."""
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
        """What this process has compiled or loaded, for the next one."""
        artifacts = torch.compiler.save_cache_artifacts()
        if artifacts is None:
            return
        building = self._file.with_suffix(".tmp")
        building.write_bytes(artifacts[0])
        os.replace(building, self._file)
