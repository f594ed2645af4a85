"""Weights for rare colours: a green monitor covers one pixel in a hundred, and an unweighted pixel
loss paints the monitor in the colour of the wall.

Class rebalancing as in "Colorful Image Colorization" (arXiv 1603.08511): the inverse of a colour's
density, smoothed by a uniform density. Only chroma counts, not brightness.

Shape letters: B frames, N frames of a recording, C colour cells, H W pixels.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.tokenizer.vae import pixels_from_uint8

_CELLS = 25  # per chroma axis; odd, so that grey is the middle of one
_EVEN_SHARE = 0.5
_LUMA = (0.299, 0.587, 0.114)  # BT.601
_CHUNK = 256


class RareColours:
    """A weight for every colour, with mean 1 over the given frames."""

    def __init__(self, weight_CC: Tensor) -> None:
        self._weight_CC = weight_CC

    @classmethod
    def of(cls, frames_NHWC: NDArray[np.uint8]) -> "RareColours":
        counts_CC = torch.zeros(_CELLS * _CELLS, dtype=torch.int64)
        for first in range(0, len(frames_NHWC), _CHUNK):
            frames = torch.from_numpy(np.array(frames_NHWC[first : first + _CHUNK]))
            cells = _cell_of(chroma(pixels_from_uint8(frames)))
            counts_CC += torch.bincount(cells.flatten(), minlength=_CELLS * _CELLS)
        density = counts_CC / counts_CC.sum()
        even = 1.0 / (counts_CC > 0).sum()
        weight = 1.0 / ((1.0 - _EVEN_SHARE) * density + _EVEN_SHARE * even)
        return cls(weight / (density * weight).sum())

    def weight(self, pixels_B3HW: Tensor) -> Tensor:
        """(B, 1, H, W)"""
        cells = _cell_of(chroma(pixels_B3HW))
        return self._weight_CC.to(pixels_B3HW.device)[cells][:, None]


def chroma(pixels_B3HW: Tensor) -> Tensor:
    """Blue and red difference (B, 2, H, W) in [-1, 1] of pixels in [-1, 1]; grey is (0, 0)."""
    red, green, blue = pixels_B3HW.unbind(1)
    luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    return torch.stack(
        ((blue - luma) / (2 - 2 * _LUMA[2]), (red - luma) / (2 - 2 * _LUMA[0])), dim=1
    )


def _cell_of(chroma_B2HW: Tensor) -> Tensor:
    cells = ((chroma_B2HW + 1.0) * (0.5 * _CELLS)).long().clamp(0, _CELLS - 1)
    return cells[:, 0] * _CELLS + cells[:, 1]
