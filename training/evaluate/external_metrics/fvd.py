"""Features for the Fréchet video distance (arXiv 1812.01717), when somebody gives the network: the
I3D as TorchScript that StyleGAN-V's code made the common one. Not ours to ship.

As in the paper's own code every frame is stretched to 224x224 (its aspect is lost), pixels are in
[-1, 1], features are the 400 logits of Kinetics, and covariances are unbiased. A TorchScript file
is code: give one that you trust. FVD is usually taken over 2,048 films of 16 frames; over a few
dozen it is far larger, and comparable within one table only.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as nnf
from numpy.typing import NDArray
from torch import Tensor

from model.tokenizer.vae import pixels_from_uint8

_BATCH = 4
_SIZE = 224
_NUM_FRAMES = 16
NUM_LOGITS = 400


class I3DFeatures:
    """(B, N, H, W, 3) films of at least 10 frames → (B, 400)."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError when the file is not that network, or is not there."""
        try:
            network = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ValueError(f"{path} is no TorchScript, or not all of it") from error
        self._network = network.eval()  # statistics of its own training, whoever else is in a batch
        self._check(path)

    @torch.inference_mode()
    def __call__(self, videos_BNHW3: NDArray[np.uint8]) -> NDArray[np.float64]:
        batches = [
            videos_BNHW3[first : first + _BATCH] for first in range(0, len(videos_BNHW3), _BATCH)
        ]
        return torch.cat([self._features(batch) for batch in batches]).double().numpy()

    def _features(self, videos_BNHW3: NDArray[np.uint8]) -> Tensor:
        pixels = torch.stack([_stretched(video_NHW3) for video_NHW3 in videos_BNHW3])
        features: Tensor = self._network(
            pixels.transpose(1, 2), rescale=False, resize=False, return_features=True
        )
        return features

    def _check(self, path: Path) -> None:
        """Now, not after an hour of dreaming."""
        video = np.zeros((1, _NUM_FRAMES, 8, 8, 3), np.uint8)
        try:
            found = list(self(video).shape)
        except RuntimeError as error:
            raise ValueError(f"{path} is TorchScript, but not of FVD's I3D") from error
        if found != [1, NUM_LOGITS]:
            raise ValueError(f"{path}: features of shape [1, {NUM_LOGITS}] expected, {found} found")


def _stretched(video_NHW3: NDArray[np.uint8]) -> Tensor:
    """(N, 3, 224, 224), in [-1, 1]."""
    pixels_N3HW = pixels_from_uint8(torch.from_numpy(np.ascontiguousarray(video_NHW3)))
    return nnf.interpolate(pixels_N3HW, (_SIZE, _SIZE), mode="bilinear", align_corners=False)
