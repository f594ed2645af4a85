"""Features for the Fréchet video distance (arXiv 1812.01717), when somebody gives the network: the
I3D as TorchScript that StyleGAN-V's code made the common one. Not ours to ship.

A TorchScript file is code: give one that you trust. FVD is usually taken over 2,048 films; over a
few dozen it is far larger, and comparable within one table only.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

_BATCH = 4


class I3DFeatures:
    """(B, N, H, W, 3) films of at least 10 frames → (B, D)."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError when the file is not TorchScript."""
        try:
            self._network = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ValueError(f"{path} is no TorchScript: {error}") from error

    @torch.inference_mode()
    def __call__(self, films_BNHW3: NDArray[np.uint8]) -> NDArray[np.float64]:
        parts = []
        for first in range(0, len(films_BNHW3), _BATCH):
            films = torch.from_numpy(np.array(films_BNHW3[first : first + _BATCH]))
            films_B3NHW = films.permute(0, 4, 1, 2, 3).float()
            parts.append(
                self._network(films_B3NHW, rescale=True, resize=True, return_features=True)
            )
        return torch.cat(parts).double().numpy()
