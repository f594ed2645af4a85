"""Latents to RGB as one computation per batch width, over static buffers: what may be captured.

Shape letters: B pictures (padding included), C h w latent channels, rows, columns, H W pixels.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.fast.graphs.capture import GraphPool
from model.fast.precision import computing_in
from model.tokenizer.protocol import Tokenizer
from model.tokenizer.vae import uint8_from_pixels
from model.world import Precision


class Decoder:
    """Owns a buffer for every width, and its graph if there is one."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        widths: Sequence[int],
        cell: Sequence[int],
        *,
        precision: Precision,
        device: torch.device,
        pool: GraphPool | None,
    ) -> None:
        """`widths` ascend; `cell`: the latents of a picture. `pool` captures, and must be no other
        graph's that may run at the same time."""
        self._tokenizer = tokenizer
        self._widths = widths
        self._precision = precision
        self._static = {
            width: self._prepare(torch.zeros(width, *cell, device=device), pool)
            for width in reversed(widths)
        }

    def __call__(self, x_BChw: Tensor) -> Tensor:
        """uint8 (B, H, W, 3)."""
        return torch.cat([self._few(part) for part in torch.split(x_BChw, self._widths[-1])])

    def _few(self, x_BChw: Tensor) -> Tensor:
        static = self._static[self._widths[bisect_left(self._widths, len(x_BChw))]]
        static.x_BChw[: len(x_BChw)].copy_(x_BChw)
        return static.run()[: len(x_BChw)].clone()

    def _prepare(self, x_BChw: Tensor, pool: GraphPool | None) -> "_StaticDecode":
        def run() -> Tensor:
            with computing_in(self._precision, x_BChw.device, is_captured=True):
                return uint8_from_pixels(self._tokenizer.decode(x_BChw))

        run()
        return _StaticDecode(x_BChw=x_BChw, run=pool.capture(run) if pool is not None else run)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _StaticDecode:
    x_BChw: Tensor
    run: Callable[[], Tensor]
