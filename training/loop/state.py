"""Reads the saved state of a stage, `<stage>.pt`. Knows no network."""

from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch

from training.data.atomic_io import DamagedFile


def read_state(path: Path, device: torch.device | None = None) -> dict[str, Any]:
    """The state with its tensors on `device`; without a device the tensors are memory-mapped. Only
    plain values and tensors are unpickled. Raises DamagedFile."""
    if not is_zipfile(path):  # the zip directory comes last, so a truncated file has none
        raise DamagedFile(f"{path} is damaged or cut short; remove it to begin this stage anew")
    state = torch.load(path, device or "cpu", mmap=device is None, weights_only=True)
    assert isinstance(state, dict)
    return state
