"""Latents to RGB as a computation per batch width over static buffers, ready for capture.

Shape letters: B images (padding included), C h w latent channels, rows, columns, H W pixels.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.fast.graphs.capture import Capture, Compute
from model.precision import computing_in
from model.tokenizer.protocol import Tokenizer
from model.tokenizer.vae import uint8_from_pixels
from model.world import Precision


class Decoder:
    """Owns a buffer for every width, and the buffer's graph, if any."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        widths: Sequence[int],
        cell: Sequence[int],
        *,
        precision: Precision,
        device: torch.device,
        capture: Capture,
    ) -> None:
        """`widths` ascend; `cell`: the latents of an image."""
        self._tokenizer = tokenizer
        self._widths = widths
        self._precision = precision
        self._static = {
            width: self._prepare(torch.zeros(width, *cell, device=device), capture)
            for width in reversed(widths)
        }

    def __call__(self, x_BChw: Tensor) -> Tensor:
        """uint8 (B, H, W, 3)."""
        return torch.cat([self._few(part) for part in torch.split(x_BChw, self._widths[-1])])

    def _few(self, x_BChw: Tensor) -> Tensor:
        static = self._static[self._widths[bisect_left(self._widths, len(x_BChw))]]
        static.x_BChw[: len(x_BChw)].copy_(x_BChw)
        return static.run()[: len(x_BChw)].clone()

    def _prepare(self, x_BChw: Tensor, capture: Capture) -> "_StaticDecode":
        def run() -> Tensor:
            with computing_in(self._precision, x_BChw.device, is_captured=True):
                return uint8_from_pixels(self._tokenizer.decode(x_BChw))

        return _StaticDecode(x_BChw=x_BChw, run=capture(run))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _StaticDecode:
    x_BChw: Tensor
    run: Compute
