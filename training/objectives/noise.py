"""How noisy each frame of a training clip is, drawn for every frame by itself.

Shape letters: B clips, F frames.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseMixture:
    """In flow time s in [0, 1]. A share of frames is nearly clean, as context is when a world is
    played; the others are anything, often pure noise, where every played frame begins. A
    `served_share` of the clips are as when a world is played: all context up to some frame, and
    from there on none. Drawn frame by frame, few noisy ones have a whole window of context."""

    context_share: float = 0.5
    context_max: float = 0.2
    pure_share: float = 0.25  # of the frames that are not context
    logit_mean: float = 0.3
    logit_std: float = 1.2
    served_share: float = 0.0  # of the clips

    @property
    def context_max_t(self) -> float:
        """TrigFlow time up to which a frame counts as context."""
        return math.atan2(self.context_max, 1.0 - self.context_max)

    def draw(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """TrigFlow times (B, F) in [0, pi/2]."""
        return self.draw_roles(shape, generator)[0]

    def draw_roles(
        self, shape: tuple[int, int], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Times (B, F), and whether each was drawn as context. The others may be nearly clean,
        too: a path has an end."""
        noisy_BF = self.draw_noisy(shape, generator)
        context_BF = self.draw_context(shape, generator)
        drawn_BF = torch.rand(shape, generator=generator, device=generator.device)
        is_context_BF = drawn_BF < self.context_share
        if self.served_share:
            is_context_BF = self._as_served(is_context_BF, generator)
        return torch.where(is_context_BF, context_BF, noisy_BF), is_context_BF

    def draw_noisy(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Times (B, F) of frames that are not context."""
        normal = torch.randn(shape, generator=generator, device=generator.device)
        s = torch.sigmoid(self.logit_mean + self.logit_std * normal)
        is_pure = torch.rand(shape, generator=generator, device=generator.device) < self.pure_share
        return _trig_times(torch.where(is_pure, torch.ones_like(s), s))

    def draw_context(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Times (B, F) of context frames."""
        drawn = torch.rand(shape, generator=generator, device=generator.device)
        return _trig_times(drawn * self.context_max)

    def _as_served(self, is_context_BF: Tensor, generator: torch.Generator) -> Tensor:
        batch, num_frames = is_context_BF.shape
        draws_B2 = torch.rand((batch, 2), generator=generator, device=generator.device)
        turns_B = 1 + (draws_B2[:, 1] * (num_frames - 1)).long()
        before_BF = torch.arange(num_frames, device=generator.device) < turns_B[:, None]
        return torch.where(draws_B2[:, :1] < self.served_share, before_BF, is_context_BF)


def _trig_times(s: Tensor) -> Tensor:
    return torch.atan2(s, 1.0 - s).clamp(max=math.pi / 2)
