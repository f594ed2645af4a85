"""Common parts of all distillation methods: the student, and the objective that adds adversarial
losses to a method. Knows no method.

Shape letters: B clips, F frames, C h w latent channels, rows, columns.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from model.nfd.transformer import PURE_NOISE_T, NFDTransformer
from model.sampling.trigflow import estimate_clean
from training.data.latents import ClipSource
from training.distillation.adversary import Adversary, CriticHeads
from training.distillation.clips import NoisyClips
from training.distillation.on_policy import OnPolicyLoss, RolloutBuffer
from training.objectives.objective import Losses
from training.objectives.prediction import predict
from training.recipes.settings.noise import NoiseMixture
from training.recipes.settings.on_policy import NO_ROLLOUTS, OnPolicySettings


class AdaptiveWeight(nn.Module):
    """w(t), a learned log-weight that balances the loss over times; not part of the released
    world."""

    def __init__(self) -> None:
        super().__init__()
        head = nn.Linear(32, 1)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        self.layers = nn.Sequential(nn.Linear(1, 32), nn.SiLU(), head)

    def forward(self, t_BF: Tensor) -> Tensor:
        weight: Tensor = self.layers(t_BF[..., None]).squeeze(-1)
        return weight


class Student(nn.Module):
    """What the trainer owns: the network, the loss weight, the critic heads (for clips and for
    rollouts) and the rollouts. Attribute names are keys of saved states."""

    def __init__(
        self, transformer: NFDTransformer, on_policy: OnPolicySettings = NO_ROLLOUTS
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.weight = AdaptiveWeight()
        self.critic = CriticHeads(transformer.config)
        self.play_critic = CriticHeads(transformer.config)
        self.dreams = RolloutBuffer(transformer.config, on_policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A method's losses, the student's predicted direction with its graph, and the clips as the
    method noised them."""

    losses: Losses
    clips: NoisyClips
    direction_BFChw: Tensor

    def estimate(self) -> Tensor:
        """The student's clean frames (B, F, C, h, w)."""
        clips = self.clips
        return estimate_clean(clips.noisy_BFChw, self.direction_BFChw, clips.t_BF)


class Method(Protocol):
    """Trains the student's single jump to agree with the teacher's whole path."""

    def __call__(self, clips: NoisyClips, step: int) -> Outcome: ...


class Distillation:
    """The student's objective: a distillation method, and the adversarial losses on clips and on
    rollouts where the recipe has them."""

    def __init__(
        self,
        method: Method,
        source: ClipSource,
        mixture: NoiseMixture,
        adversary: Adversary | None = None,
        on_policy: OnPolicyLoss | None = None,
        jumping: NFDTransformer | None = None,
    ) -> None:
        """`jumping`: the student; in every other step the adversary sees its one-call samples from
        pure noise, as a served world generates them (SANA-Sprint, arXiv 2503.09641). None:
        never."""
        self._method = method
        self._source = source
        self._mixture = mixture
        self._adversary = adversary
        self._on_policy = on_policy
        self._jumping = jumping

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        outcome = self._method(NoisyClips.draw(self._source, self._mixture, generator), step)
        losses, clips = outcome.losses, outcome.clips
        if self._adversary is not None:
            made = outcome.estimate()
            if self._jumping is not None and step % 2:
                made = _jump(self._jumping, clips)
            losses |= self._adversary(clips, clips, made, generator)
        if self._on_policy is not None:
            losses |= self._on_policy(clips, generator)
        games = [losses[name] for name in ("game", "play_game") if name in losses]
        return losses | {"loss": sum(games, start=losses["loss"])}


def _jump(student: NFDTransformer, clips: NoisyClips) -> Tensor:
    """Clean frames (B, F, C, h, w): each trained frame in one call from pure noise."""
    far = clips.at(torch.full_like(clips.t_BF, PURE_NOISE_T))
    direction = predict(student, far.noisy_BFChw, far.t_BF, far.actions_BFA)
    return estimate_clean(far.noisy_BFChw, direction, far.t_BF)
