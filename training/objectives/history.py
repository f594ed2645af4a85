"""The past frames of training clips. A served world generates its past frames; a network trained
only on recorded past frames accumulates its own errors.

Shape letters: B clips, F frames, C h w latent channels, rows, columns, A action size.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.nfd.transformer import PURE_NOISE_T, NFDTransformer
from model.sampling.trigflow import diffuse, estimate_clean
from model.world import SamplerSpec
from training.data.latents import Clips
from training.device import autocast
from training.objectives.noise import FrameTimes
from training.objectives.prediction import predict
from training.objectives.rollout import Rollout
from training.recipes.settings.history import TRUTH, HistorySettings
from training.recipes.settings.noise import NoiseMixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One window of clips: the recorded frames, and the frames shown to the network before noise is
    added. The loss skips the frames of `own_BF`, which the network generated, and of `hidden_BF`,
    which no other frame attends to."""

    truth_BFChw: Tensor
    latents_BFChw: Tensor
    actions_BFA: Tensor
    own_BF: Tensor
    hidden_BF: Tensor | None

    @property
    def taught_BF(self) -> Tensor:
        return ~self.own_BF if self.hidden_BF is None else ~(self.own_BF | self.hidden_BF)


class History:
    """Replaces recorded context frames by frames of the network."""

    def __init__(
        self,
        transformer: NFDTransformer,
        mixture: NoiseMixture,
        settings: HistorySettings = TRUTH,
        sampler: SamplerSpec | None = None,
    ) -> None:
        """`sampler`: how the network generates rollouts."""
        self._transformer = transformer
        self._mixture = mixture
        self._times = FrameTimes(mixture)
        self._settings = settings
        self._rollout = None
        if settings.rollout_share:
            assert sampler is not None, "a sampler is needed to play"
            self._rollout = Rollout(transformer, sampler, settings.rollout_steps)

    @property
    def num_lead(self) -> int:
        return self._settings.num_lead

    def show(self, clips: Clips, t_BF: Tensor, generator: torch.Generator) -> Shown:
        """The last frames of `clips`, one for each time in `t_BF`; small times mark context
        frames."""
        settings = self._settings
        truth_BFChw = clips.latents_BFChw[:, self.num_lead :]
        actions_BFA = clips.actions_BFA[:, self.num_lead :]
        is_context_BF = t_BF <= self._mixture.context_max_t
        latents_BFChw, own_BF, hidden_BF = truth_BFChw, torch.zeros_like(is_context_BF), None
        if settings.chain_share:
            own_BF = is_context_BF & _happens(settings.chain_share, t_BF, generator)
            guesses_BFChw = self._guess(truth_BFChw, actions_BFA, generator)
            latents_BFChw = torch.where(_over_cells(own_BF), guesses_BFChw, latents_BFChw)
        if self._rollout is not None:
            num_clips = math.ceil(settings.rollout_share * len(t_BF))
            is_played_BF = is_context_BF.clone()
            is_played_BF[num_clips:] = False
            is_played_BF[:, : -settings.rollout_frames] = False
            played_BFChw = self._play(self._rollout, clips, num_clips, generator)
            latents_BFChw = torch.where(_over_cells(is_played_BF), played_BFChw, latents_BFChw)
            own_BF = own_BF | is_played_BF
        if settings.dropout:
            hidden_BF = is_context_BF & _happens(settings.dropout, t_BF, generator)
        return Shown(
            truth_BFChw=truth_BFChw,
            latents_BFChw=latents_BFChw,
            actions_BFA=actions_BFA,
            own_BF=own_BF,
            hidden_BF=hidden_BF,
        )

    @torch.no_grad()
    def _guess(
        self, clean_BFChw: Tensor, actions_BFA: Tensor, generator: torch.Generator
    ) -> Tensor:
        """A one-call estimate of every frame, from independent noise."""
        t_BF = self._times.draw((clean_BFChw.shape[0], clean_BFChw.shape[1]), generator)
        if self._settings.chain_from_noise:
            t_BF = torch.full_like(t_BF, PURE_NOISE_T)
        noise = torch.randn(clean_BFChw.shape, generator=generator, device=clean_BFChw.device)
        noisy = diffuse(clean_BFChw, noise, t_BF)
        with autocast(clean_BFChw.device):
            direction = predict(self._transformer, noisy, t_BF, actions_BFA)
        return estimate_clean(noisy, direction.float(), t_BF)

    def _play(
        self, rollout: Rollout, clips: Clips, num_clips: int, generator: torch.Generator
    ) -> Tensor:
        """The windows, with generated frames in the first `num_clips` clips."""
        num_real = clips.latents_BFChw.shape[1] - self._settings.rollout_frames
        with autocast(clips.latents_BFChw.device):
            played_BFChw = rollout(
                clips.latents_BFChw[:num_clips, :num_real], clips.actions_BFA[:num_clips], generator
            )
        windows_BFChw = torch.cat((played_BFChw, clips.latents_BFChw[num_clips:]))
        return windows_BFChw[:, self.num_lead :]


def _happens(share: float, like_BF: Tensor, generator: torch.Generator) -> Tensor:
    drawn_BF = torch.rand(like_BF.shape, generator=generator, device=like_BF.device)
    return drawn_BF < share


def _over_cells(chosen_BF: Tensor) -> Tensor:
    return chosen_BF[:, :, None, None, None]
