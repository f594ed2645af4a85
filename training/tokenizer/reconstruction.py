"""The objectives of the two tokenizer stages: the whole tokenizer, then the decoder alone behind
the frozen encoder.

Shape letters: B frames, C h w latent channels, rows, columns.
"""

import torch
from torch import Tensor, nn

from model.tokenizer.vae import VAE
from training.device import autocast_convolutions
from training.objectives.objective import Losses
from training.tokenizer.frames import FrameSource
from training.tokenizer.losses.critic import PatchAdversary, PatchCritic, last_kernel
from training.tokenizer.losses.picture_loss import PictureLoss


class Reconstruction:
    """First stage: reconstruction through latents with a KL term (`kl` weighs the divergence from a
    standard normal)."""

    def __init__(
        self, vae: VAE, frames: FrameSource, picture_loss: PictureLoss, *, kl: float
    ) -> None:
        self._vae = vae
        self._frames = frames
        self._picture_loss = picture_loss
        self._kl = kl

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        pixels = self._frames.draw(generator)
        with autocast_convolutions(pixels.device):
            mean, log_var = self._vae.posterior(pixels)
            rebuilt = self._vae.reconstruct(sample(mean, log_var, generator))
        losses = self._picture_loss(rebuilt.float(), pixels)
        mean, log_var = mean.float(), log_var.float()
        kl = 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).mean()
        return losses | {"loss": losses["loss"] + self._kl * kl, "kl": kl}


class SecondStage(nn.Module):
    """What the trainer owns in the second stage: the tokenizer, of which only the decoder moves,
    and the critic."""

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae
        self.vae.requires_grad_(False).decoder.requires_grad_(True)
        self.critic = PatchCritic()


class Redecoding:
    """Second stage: the same latents, drawn better. `adversarial` 0 leaves the critic out."""

    def __init__(
        self,
        players: SecondStage,
        frames: FrameSource,
        picture_loss: PictureLoss,
        *,
        adversarial: float,
    ) -> None:
        self._vae = players.vae
        self._frames = frames
        self._picture_loss = picture_loss
        kernel = last_kernel(players.vae.decoder)
        self._adversary = (
            PatchAdversary(players.critic, kernel, adversarial) if adversarial else None
        )

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        pixels = self._frames.draw(generator)
        with autocast_convolutions(pixels.device):
            with torch.no_grad():
                latents = sample(*self._vae.posterior(pixels), generator)
            rebuilt = self._vae.reconstruct(latents)
        losses = self._picture_loss(rebuilt.float(), pixels)
        if self._adversary is None:
            return losses
        return self._adversary(rebuilt.float(), pixels, losses, step)


def sample(mean_BChw: Tensor, log_var_BChw: Tensor, generator: torch.Generator) -> Tensor:
    """A sample (B, C, h, w) of raw latents from the encoder's posterior."""
    noise = torch.randn(
        mean_BChw.shape, generator=generator, device=mean_BChw.device, dtype=mean_BChw.dtype
    )
    return mean_BChw + (0.5 * log_var_BChw).exp() * noise
