"""Draws a noise level for every frame of a clip, independently.

Shape letters: B clips, F frames.
"""

import math

import torch
from torch import Tensor

from training.recipes.settings.noise import NoiseMixture


class FrameTimes:
    """Draws TrigFlow times in [0, pi/2] from a mixture."""

    def __init__(self, mixture: NoiseMixture) -> None:
        self._mixture = mixture

    def draw(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Times (B, F)."""
        return self.draw_roles(shape, generator)[0]

    def draw_roles(
        self, shape: tuple[int, int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Times (B, F), and a mask (B, F) of the frames that are context. A frame of the noisy part
        may have a time as small as a context frame's, because a denoising path ends there."""
        noisy_BF = self.draw_noisy(shape, generator)
        context_BF = self.draw_context(shape, generator)
        drawn_BF = torch.rand(shape, generator=generator, device=generator.device)
        is_context_BF = drawn_BF < self._mixture.context_share
        if self._mixture.served_share:
            is_context_BF = self._as_served(is_context_BF, generator)
        return torch.where(is_context_BF, context_BF, noisy_BF), is_context_BF

    def draw_noisy(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Times (B, F) of frames that are not context."""
        mixture, device = self._mixture, generator.device
        normal = torch.randn(shape, generator=generator, device=device)
        s = torch.sigmoid(mixture.logit_mean + mixture.logit_std * normal)
        is_pure = torch.rand(shape, generator=generator, device=device) < mixture.pure_share
        return _trig_times(torch.where(is_pure, torch.ones_like(s), s))

    def draw_context(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Times (B, F) of context frames."""
        drawn = torch.rand(shape, generator=generator, device=generator.device)
        return _trig_times(drawn * self._mixture.context_max)

    def _as_served(self, is_context_BF: Tensor, generator: torch.Generator) -> Tensor:
        batch, num_frames = is_context_BF.shape
        draws_B2 = torch.rand((batch, 2), generator=generator, device=generator.device)
        first_noisy_B = 1 + (draws_B2[:, 1] * (num_frames - 1)).long()
        frames_F = torch.arange(num_frames, device=generator.device)
        is_before_BF = frames_F < first_noisy_B[:, None]
        is_served_B1 = draws_B2[:, :1] < self._mixture.served_share
        return torch.where(is_served_B1, is_before_BF, is_context_BF)


def _trig_times(s: Tensor) -> Tensor:
    return torch.atan2(s, 1.0 - s).clamp(max=math.pi / 2)
