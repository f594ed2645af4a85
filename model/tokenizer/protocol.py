"""The seam between pixels and what a world model predicts."""

from typing import Protocol

from torch import Tensor


class Tokenizer(Protocol):
    """Pixels to latents and back, frame by frame: no frame depends on another."""

    def encode(self, pixels_BCHW: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [-1, 1] to latents (B, C, h, w)."""
        ...

    def decode(self, latents_BChw: Tensor) -> Tensor:
        """Latents (B, C, h, w) to pixels (B, 3, H, W), about [-1, 1] and not clamped."""
        ...
