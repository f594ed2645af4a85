"""Batches to distil on: clips in which every frame has a noise level of its own.

Shape letters: B clips, F frames, A action size, C h w latent channels, rows, columns.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model.sampling.trigflow import diffuse
from training.data.latents import ClipSource
from training.objectives.noise import FrameTimes
from training.recipes.settings.noise import NoiseMixture


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyClips:
    """One batch. Frames that move are trained, from pure noise down to the very end of their
    paths, where what is learned has its only hold; the others are context and stay as they are."""

    clean_BFChw: Tensor
    noise_BFChw: Tensor
    t_BF: Tensor
    moves_BF: Tensor
    actions_BFA: Tensor

    @property
    def noisy_BFChw(self) -> Tensor:
        return diffuse(self.clean_BFChw, self.noise_BFChw, self.t_BF)

    def at(self, t_BF: Tensor) -> "NoisyClips":
        """The same clips and noise, with the frames that move at these times instead."""
        return replace(self, t_BF=torch.where(self.moves_BF, t_BF, self.t_BF))

    def glances(self, num_frames: int) -> "NoisyClips":
        """The same as clips of so many frames each, whose first has no past."""
        return NoisyClips(
            clean_BFChw=glances(self.clean_BFChw, num_frames),
            noise_BFChw=glances(self.noise_BFChw, num_frames),
            t_BF=glances(self.t_BF, num_frames),
            moves_BF=glances(self.moves_BF, num_frames),
            actions_BFA=glances(self.actions_BFA, num_frames),
        )

    @classmethod
    def draw(
        cls, source: ClipSource, mixture: NoiseMixture, generator: torch.Generator
    ) -> "NoisyClips":
        clips = source.draw(generator)
        clean = clips.latents_BFChw
        t_BF, is_context_BF = FrameTimes(mixture).draw_roles(
            (clean.shape[0], clean.shape[1]), generator
        )
        return cls(
            clean_BFChw=clean,
            noise_BFChw=torch.randn(clean.shape, generator=generator, device=clean.device),
            t_BF=t_BF,
            moves_BF=~is_context_BF,
            actions_BFA=clips.actions_BFA,
        )


def glances(of_BF: Tensor, num_frames: int) -> Tensor:
    """Clips (B, F, ...) cut into shorter ones (B F / num_frames, num_frames, ...), as far as whole
    ones go."""
    whole = of_BF.shape[1] // num_frames * num_frames
    return of_BF[:, :whole].reshape(-1, num_frames, *of_BF.shape[2:])
