"""What makes a tokenizer: pixels back as they were, edges kept, latents smooth and bounded.

Shape letters: B frames, C channels, H W pixels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.tokenizer.vae import VAE, pixels_from_uint8
from training.device import autocast
from training.trainer import Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructionWeights:
    """L1 alone keeps colours and blurs; the others pay for edges (`gradient`), for as much texture
    as there was even where its phase is lost (`texture`), and for a bounded latent (`kl`)."""

    gradient: float = 2.0
    texture: float = 1.0
    kl: float = 5e-4


class Reconstruction:
    """The tokenizer's objective over uint8 frames (N, H, W, 3) held on the training device."""

    def __init__(
        self, vae: VAE, frames_NHWC: Tensor, batch_size: int, weights: ReconstructionWeights
    ) -> None:
        self._vae = vae
        self._frames_NHWC = frames_NHWC
        self._batch_size = batch_size
        self._weights = weights

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        frames = self._frames_NHWC
        picked = torch.randint(
            len(frames), (self._batch_size,), generator=generator, device=frames.device
        )
        pixels = pixels_from_uint8(frames[picked]).contiguous(memory_format=torch.channels_last)
        with autocast(frames.device):
            mean, log_var = self._vae.posterior(pixels)
            noise = torch.randn(
                mean.shape, generator=generator, device=mean.device, dtype=mean.dtype
            )
            rebuilt = self._vae.reconstruct(mean + (0.5 * log_var).exp() * noise)
        return _losses(rebuilt.float(), pixels, mean.float(), log_var.float(), self._weights)


def _losses(
    rebuilt: Tensor, pixels: Tensor, mean: Tensor, log_var: Tensor, weights: ReconstructionWeights
) -> Losses:
    l1 = (rebuilt - pixels).abs().mean()
    gradient = torch.zeros_like(l1)
    texture = torch.zeros_like(l1)
    for axis in (2, 3):
        ours, real = rebuilt.diff(dim=axis), pixels.diff(dim=axis)
        gradient = gradient + (ours - real).abs().mean()
        texture = texture + (
            nnf.avg_pool2d(ours.abs(), 4) - nnf.avg_pool2d(real.abs(), 4)
        ).abs().mean()  # fmt: skip
    kl = 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).mean()
    loss = l1 + weights.gradient * gradient + weights.texture * texture + weights.kl * kl
    return {"loss": loss, "l1": l1, "gradient": gradient, "texture": texture, "kl": kl}
