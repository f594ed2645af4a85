"""The saved state of a stage, `<stage>.pt`, as it is found on disk. Knows no network."""

from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch

from training.data.atomic_io import DamagedFile


def read_state(path: Path, device: torch.device | None = None) -> dict[str, Any]:
    """With its tensors on `device`; without one they stay in the file until somebody looks. Raises
    DamagedFile."""
    if not is_zipfile(path):  # its directory comes last, so what is cut short has none
        raise DamagedFile(f"{path} is damaged or cut short; remove it to begin this stage anew")
    state = torch.load(path, device or "cpu", mmap=device is None, weights_only=True)
    assert isinstance(state, dict)
    return state
