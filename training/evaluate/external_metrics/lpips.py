"""LPIPS (arXiv 1801.03924) with its own weights, when somebody gives them: AlexNet's features, and
the learned weight of every channel. Neither is ours to ship.

At each place of five layers features get unit length; squared differences are weighed by channel,
averaged over places and added up over layers. Pictures are taken in the size that they have.

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
# ImageNet's colours for pictures in [-1, 1], rounded as the weights were trained (v0.1).
_MEAN, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
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
        """Raises ValueError when a file is not what the module's first lines say, FileNotFoundError
        when there is none."""
        network = cls()
        state = _load_state(alexnet)
        for name, parameter in network.features.named_parameters():
            parameter.data = _weight(alexnet, state, f"features.{name}", parameter.shape)
        state = _load_state(linear)
        for i, weight_C in enumerate(network.channel_weights):
            shape = torch.Size((1, len(weight_C), 1, 1))
            weight_C.data = _weight(linear, state, f"lin{i}.model.1.weight", shape).flatten()
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


def _load_state(path: Path) -> Mapping[str, object]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a file that is none of torch's may raise anything
        raise ValueError(f"{path} holds no weights, or not all of them") from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} holds no weights by name but a {type(state).__name__}")
    return state


def _weight(path: Path, state: Mapping[str, object], name: str, shape: torch.Size) -> Tensor:
    found = state.get(name)
    if isinstance(found, Tensor) and found.shape == shape:
        return found.float()
    there = list(found.shape) if isinstance(found, Tensor) else "nothing"
    raise ValueError(f"{path}: {name} of shape {list(shape)} expected, {there} found")
