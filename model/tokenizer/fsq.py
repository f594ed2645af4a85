"""Finite scalar quantisation (FSQ, arXiv 2309.15505): a tokenizer with a codebook without learning.
Every latent channel is rounded to one of a few levels; a cell's code is the number spelled by the
cell's levels. Knows no predictor of codes.

Shape letters: B images, C channels, H W pixels, h w cells.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.tokenizer.vae import VAEConfig, conv_decoder, conv_encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class FSQConfig:
    """`levels[c]` is how many values channel c may take; `convs` are the VAE's networks, with one
    latent channel per entry of `levels`."""

    levels: tuple[int, ...]
    convs: VAEConfig

    def __post_init__(self) -> None:
        if len(self.levels) != self.convs.latent_channels or min(self.levels) < 2:
            raise ValueError(
                f"{self.convs.latent_channels} levels of at least 2 expected, got {self.levels}"
            )

    @property
    def codebook_size(self) -> int:
        return math.prod(self.levels)


class FSQ(nn.Module):
    """Image tokenizer with latents on a grid in [-1, 1]; integers on the grid are codes."""

    highest_C: Tensor
    place_C: Tensor

    def __init__(self, config: FSQConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = conv_encoder(config.convs, len(config.levels))
        self.decoder = conv_decoder(config.convs)
        levels = torch.tensor(config.levels)
        places = torch.cat((torch.ones(1, dtype=torch.int64), levels[:-1].cumprod(0)))
        # Derived from the config, so they are no part of a checkpoint.
        self.register_buffer("highest_C", levels - 1, persistent=False)
        self.register_buffer("place_C", places, persistent=False)

    def encode(self, pixels_BCHW: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [-1, 1] to latents (B, C, h, w) on the grid. Gradients pass
        straight through the rounding."""
        raw_BChw: Tensor = self.encoder(pixels_BCHW)
        digits = raw_BChw.sigmoid() * _per_channel(self.highest_C)
        rounded = digits + (digits.round() - digits).detach()
        return self._spread(rounded)

    def decode(self, latents_BChw: Tensor) -> Tensor:
        """Latents (B, C, h, w) to pixels (B, 3, H, W), about [-1, 1] and not clamped."""
        pixels: Tensor = self.decoder(latents_BChw)
        return pixels

    def codes_of(self, latents_BChw: Tensor) -> Tensor:
        """int64 codes (B, h, w) below `codebook_size` of latents on the grid."""
        digits = (latents_BChw + 1) / 2 * _per_channel(self.highest_C)
        return (digits.round().long() * _per_channel(self.place_C)).sum(dim=1)

    def latents_of(self, codes_Bhw: Tensor) -> Tensor:
        """The latents (B, C, h, w) of these codes; the inverse of `codes_of`."""
        shifted = codes_Bhw[:, None] // _per_channel(self.place_C)
        return self._spread((shifted % _per_channel(self.highest_C + 1)).float())

    def _spread(self, digits_BChw: Tensor) -> Tensor:
        return digits_BChw / _per_channel(self.highest_C) * 2 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CodebookUse:
    """`share` of the codes occurs at all; `perplexity` is how many codes would be as varied if all
    were equally common."""

    share: float
    perplexity: float


def codebook_use(codes: Tensor, codebook_size: int) -> CodebookUse:
    """How much of a codebook these int64 codes (any shape) use."""
    counts = torch.bincount(codes.flatten(), minlength=codebook_size).double()
    shares = counts[counts > 0] / counts.sum()
    return CodebookUse(
        share=len(shares) / codebook_size,
        perplexity=float((-(shares * shares.log()).sum()).exp()),
    )


def _per_channel(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1)
