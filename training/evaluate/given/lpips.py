"""LPIPS (arXiv 1801.03924) with its own weights, when somebody gives them: AlexNet's features, and
the learned weight of every channel. Neither is ours to ship.

Expected are torchvision's `alexnet` state and the `lpips` package's `alex.pth` (v0.1), unchanged.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model.tokenizer.vae import pixels_from_uint8

_BATCH = 16
_MEAN, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of the reference code
_TAPS = (1, 4, 7, 9, 11)  # after these layers of AlexNet, all of them ReLUs
_WIDTHS = (64, 192, 384, 256, 256)


class LPIPS(nn.Module):
    """How different two pictures look: 0 for the same, about 0.7 for nothing in common."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
        )
        self.channel_weights = nn.ParameterList(torch.zeros(width) for width in _WIDTHS)

    @classmethod
    def load(cls, alexnet: Path, linear: Path) -> "LPIPS":
        """Raises ValueError when a file is not what the module's first lines say."""
        network = cls()
        features = {
            key.removeprefix("features."): value
            for key, value in _load_state(alexnet).items()
            if key.startswith("features.")
        }
        try:
            network.features.load_state_dict(features)
        except RuntimeError as error:
            raise ValueError(f"{alexnet} is no AlexNet: {error}") from error
        weights = _load_state(linear)
        for i, width in enumerate(_WIDTHS):
            weight = weights.get(f"lin{i}.model.1.weight")
            if weight is None or weight.numel() != width:
                raise ValueError(f"{linear}: lin{i}.model.1.weight of {width} channels expected")
            network.channel_weights[i].data = weight.flatten().float()
        return network.eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(self, ours: NDArray[np.uint8], real: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N,) for pictures (N, H, W, 3)."""
        parts = [
            self._distances(
                _pixels(ours[first : first + _BATCH]), _pixels(real[first : first + _BATCH])
            )
            for first in range(0, len(ours), _BATCH)
        ]
        return torch.cat(parts).double().numpy()

    def distance(self, ours_B3HW: Tensor, real_B3HW: Tensor) -> Tensor:
        """The mean over pictures in [-1, 1], with gradients: a term of a loss."""
        return self._distances(ours_B3HW, real_B3HW).mean()

    def _distances(self, ours_B3HW: Tensor, real_B3HW: Tensor) -> Tensor:
        total = torch.zeros(len(ours_B3HW), device=ours_B3HW.device)
        taps = zip(self._taps(ours_B3HW), self._taps(real_B3HW), self.channel_weights, strict=True)
        for a_NCHW, b_NCHW, weight_C in taps:
            difference = (F.normalize(a_NCHW, eps=1e-10) - F.normalize(b_NCHW, eps=1e-10)).square()
            total = total + torch.einsum("nchw,c->nhw", difference, weight_C).mean(dim=(1, 2))
        return total

    def _taps(self, pixels_B3HW: Tensor) -> list[Tensor]:
        mean, scale = (pixels_B3HW.new_tensor(values) for values in (_MEAN, _SCALE))
        x = (pixels_B3HW - mean[:, None, None]) / scale[:, None, None]
        taps = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in _TAPS:
                taps.append(x)
        return taps


def _pixels(pictures: NDArray[np.uint8]) -> Tensor:
    return pixels_from_uint8(torch.from_numpy(np.ascontiguousarray(pictures)))


def _load_state(path: Path) -> Mapping[str, Tensor]:
    state: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
