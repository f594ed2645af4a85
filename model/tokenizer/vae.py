"""Pixels to latents and back, one frame at a time (so that one frame can answer one action).

Shape letters: B frames, C channels, H W pixels, h w latent cells (H / 16, W / 16 in all presets).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INITIAL_LOG_VAR = -4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VAEConfig:
    """`patch` pixels are folded into channels first (cheap on a CPU), then every further entry of
    the widths halves the grid. Spatial compression is `patch * 2 ** (len(widths) - 1)`. `kernel` is
    the side of the convolutions; with kernel 1, a single width and no blocks every cell is coded
    separately, as suits a world of tiles."""

    latent_channels: int
    patch: int
    encoder_widths: tuple[int, ...]
    decoder_widths: tuple[int, ...]  # given from the pixels inwards, like the encoder's
    num_blocks: int
    kernel: int = 3

    @property
    def compression(self) -> int:
        return self.patch << (len(self.encoder_widths) - 1)


class ResBlock(nn.Module):
    """Two convolutions around a skip. GroupNorm keeps frames independent of each other."""

    def __init__(self, width: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(min(8, width // 4), width)
        self.conv1 = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        self.norm2 = nn.GroupNorm(min(8, width // 4), width)
        self.conv2 = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        out: Tensor = x + self.conv2(F.silu(self.norm2(hidden)))
        return out


class VAE(nn.Module):
    """Image VAE with continuous latents (the tokenizer of NFD, arXiv 2506.01380).

    Latents leave `encode` with mean 0 and variance 1 per channel, by statistics from training in
    `latent_mean` and `latent_std`; all later code relies on unit variance.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = conv_encoder(config, 2 * config.latent_channels)
        # Sure of itself at first: a channel that begins as mere noise is never taken into use.
        *_, last = self.encoder.parameters()
        nn.init.constant_(last[config.latent_channels :], INITIAL_LOG_VAR)
        self.decoder = conv_decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels))
        self.register_buffer("latent_std", torch.ones(config.latent_channels))

    def posterior(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Raw mean and log-variance, each (B, C, h, w), before normalisation; for training."""
        mean, log_var = self.encoder(pixels_BCHW).chunk(2, dim=1)
        return mean, log_var.clamp(-20.0, 4.0)

    def reconstruct(self, raw_BChw: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) of raw, not normalised latents; for training."""
        pixels: Tensor = self.decoder(raw_BChw)
        return pixels

    def encode(self, pixels_BCHW: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [-1, 1] to latents (B, C, h, w) of unit variance."""
        mean, _ = self.posterior(pixels_BCHW)
        return (mean - _per_channel(self.latent_mean)) / _per_channel(self.latent_std)

    def decode(self, latents_BChw: Tensor) -> Tensor:
        """Latents (B, C, h, w) to pixels (B, 3, H, W), about [-1, 1] and not clamped."""
        raw = latents_BChw * _per_channel(self.latent_std) + _per_channel(self.latent_mean)
        return self.reconstruct(raw)


def pixels_from_uint8(frames_BHWC: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) to float (B, 3, H, W) in [-1, 1]."""
    return frames_BHWC.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def uint8_from_pixels(pixels_BCHW: Tensor) -> Tensor:
    """float (B, 3, H, W) to uint8 (B, H, W, 3), clamped."""
    scaled = (pixels_BCHW.float() + 1.0) * 127.5
    return scaled.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _per_channel(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1)


def conv_encoder(config: VAEConfig, out_channels: int) -> nn.Sequential:
    """Pixels (B, 3, H, W) to (B, out_channels, h, w)."""
    widths = config.encoder_widths
    layers: list[nn.Module] = [
        nn.PixelUnshuffle(config.patch),
        _conv(config, 3 * config.patch**2, widths[0]),
    ]
    for level, width in enumerate(widths):
        if level > 0:
            layers.append(nn.Conv2d(widths[level - 1], width, 3, stride=2, padding=1))
        layers += [ResBlock(width, config.kernel) for _ in range(config.num_blocks)]
    layers += [nn.SiLU(), _conv(config, widths[-1], out_channels)]
    return nn.Sequential(*layers)


def conv_decoder(config: VAEConfig) -> nn.Sequential:
    """Raw latents (B, latent_channels, h, w) to pixels (B, 3, H, W)."""
    widths = tuple(reversed(config.decoder_widths))
    layers: list[nn.Module] = [_conv(config, config.latent_channels, widths[0])]
    for level, width in enumerate(widths):
        if level > 0:
            layers += [nn.Conv2d(widths[level - 1], 4 * width, 1), nn.PixelShuffle(2)]
        layers += [ResBlock(width, config.kernel) for _ in range(config.num_blocks)]
    layers += [nn.SiLU(), _conv(config, widths[-1], 3 * config.patch**2)]
    if config.patch > 1:
        layers.append(nn.PixelShuffle(config.patch))
    return nn.Sequential(*layers)


def _conv(config: VAEConfig, in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, config.kernel, padding=config.kernel // 2)
