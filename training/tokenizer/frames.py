"""Batches of frames, drawn evenly from films that stay on disk. Knows no network and no loss.

Shape letters: B frames of a batch, N frames of a film, H W pixels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.tokenizer.vae import pixels_from_uint8

Video = NDArray[np.uint8]


class FrameSource:
    """Draws frames of uint8 films (N, H, W, 3), often memory-mapped, onto the training device."""

    def __init__(self, videos: Sequence[Video], batch_size: int, device: torch.device) -> None:
        self._videos = videos
        self._firsts = np.cumsum([0] + [len(video) for video in videos])
        self._batch_size = batch_size
        self._device = device

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def draw(self, generator: torch.Generator) -> Tensor:
        """Pixels (B, 3, H, W) in [-1, 1], laid out channels last, as convolutions like it."""
        picked = torch.randint(
            len(self), (self._batch_size,), generator=generator, device=generator.device
        )
        frames = np.stack([self._frame(i) for i in picked.tolist()])
        pixels = pixels_from_uint8(torch.from_numpy(frames).to(self._device))
        return pixels.contiguous(memory_format=torch.channels_last)

    def _frame(self, index: int) -> Video:
        video = int(np.searchsorted(self._firsts, index, side="right")) - 1
        frame: Video = self._videos[video][index - self._firsts[video]]
        return frame
