"""Batches to distil on: clips with an independent noise level for every frame.

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
    """One batch. The frames of `moves_BF` are trained, at any noise level down to the end of the
    denoising path, where the clean frame itself is the boundary condition; all other frames are
    context and keep their noise."""

    clean_BFChw: Tensor
    noise_BFChw: Tensor
    t_BF: Tensor
    moves_BF: Tensor
    actions_BFA: Tensor

    @property
    def noisy_BFChw(self) -> Tensor:
        return diffuse(self.clean_BFChw, self.noise_BFChw, self.t_BF)

    def at(self, t_BF: Tensor) -> "NoisyClips":
        """The same clips and noise, with the trained frames at the times `t_BF`."""
        return replace(self, t_BF=torch.where(self.moves_BF, t_BF, self.t_BF))

    def sub_clips(self, num_frames: int) -> "NoisyClips":
        """The batch cut into clips of `num_frames` frames; the first frame of each has no past."""
        return NoisyClips(
            clean_BFChw=sub_clips(self.clean_BFChw, num_frames),
            noise_BFChw=sub_clips(self.noise_BFChw, num_frames),
            t_BF=sub_clips(self.t_BF, num_frames),
            moves_BF=sub_clips(self.moves_BF, num_frames),
            actions_BFA=sub_clips(self.actions_BFA, num_frames),
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


def sub_clips(of_BF: Tensor, num_frames: int) -> Tensor:
    """Cuts clips (B, F, ...) into sub-clips (B F / num_frames, num_frames, ...); drops the frames
    after the last whole sub-clip."""
    whole = of_BF.shape[1] // num_frames * num_frames
    return of_BF[:, :whole].reshape(-1, num_frames, *of_BF.shape[2:])
