"""A frame's pixels. Where frames are decoded asynchronously, a session may be given a frame with
unfinished pixels; a reader of the pixels then waits. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class FrameImage(Protocol):
    """Both methods may be called from any thread, and wait until the image is decoded."""

    def rgb(self) -> Pixels:
        """(H, W, 3)."""
        ...

    def yuv420(self) -> Pixels | None:
        """(H * 3 / 2, W): a plane of luma, then a quarter of a plane for each chroma, BT.601 in
        limited range, as encoders take images. None where the image was not converted."""
        ...


@dataclass(frozen=True, slots=True)
class ReadyImage:
    """A decoded image."""

    pixels: Pixels

    def rgb(self) -> Pixels:
        return self.pixels

    def yuv420(self) -> None:
        return None


def ready_images(pixels_BHWC: Pixels) -> Sequence[FrameImage]:
    return [ReadyImage(pixels) for pixels in pixels_BHWC]
