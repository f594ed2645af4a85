"""A frame to look at. Where frames are decoded beside the next pass, one is still on its way when
its session is told of it, so whoever needs the picture first asks for it. Knows no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Picture(Protocol):
    """Both may be called from any thread, and wait for the picture."""

    def rgb(self) -> Pixels:
        """(H, W, 3)."""
        ...

    def yuv420(self) -> Pixels | None:
        """(H * 3 / 2, W): a plane of luma, then a quarter of one for each chroma, BT.601 in limited
        range, as encoders take it. None where nobody has made it."""
        ...


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that is there."""

    pixels: Pixels

    def rgb(self) -> Pixels:
        return self.pixels

    def yuv420(self) -> None:
        return None


def stills(pixels_BHWC: Pixels) -> Sequence[Picture]:
    return [Still(pixels) for pixels in pixels_BHWC]
