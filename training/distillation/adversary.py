"""The adversarial term of the student (NFD+, after SANA-Sprint, arXiv 2503.09641). Distillation
alone averages over all possible frames and blurs; a critic rewards frames that could be real.

The critic reads the hidden states of the frozen teacher, which depend on the past frames and the
action; only small heads on the hidden states are trained. Real and generated frames enter with the
same noise. Real frames under another clip's action count as fake too, so a student that ignores
the action is penalised.

Shape letters: B clips, F frames, P tokens per frame, D width, L layers with a head.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from model.nfd.transformer import NFDConfig, NFDTransformer
from model.sampling.trigflow import diffuse
from training.device import autocast
from training.distillation.clips import NoisyClips
from training.objectives.hinge import critic_loss, frozen, generator_loss
from training.objectives.objective import Losses
from training.objectives.prediction import predict

_MOST_HEADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarySettings:
    """`strength` weighs the generator loss. The critic's noise levels t: log tan t is normal."""

    strength: float
    log_tan_mean: float = -0.6
    log_tan_std: float = 1.0


class CriticHeads(nn.Module):
    """Rates every token as real or generated, at layers spread evenly over the teacher's depth."""

    def __init__(self, config: NFDConfig) -> None:
        super().__init__()
        count = min(_MOST_HEADS, config.num_layers)
        self.layers = [(i + 1) * config.num_layers // count - 1 for i in range(count)]
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(config.width),
                nn.Linear(config.width, config.width // 2),
                nn.SiLU(),
                nn.Linear(config.width // 2, 1),
            )
            for _ in self.layers
        )

    def forward(self, hidden: list[Tensor]) -> Tensor:
        """Logits (B, F, P, L) of hidden states (B, F, P, D)."""
        return torch.cat([head(x) for head, x in zip(self.heads, hidden, strict=True)], dim=-1)


class Adversary:
    """Both adversarial losses of one batch. Gradients pass through the frozen teacher."""

    def __init__(
        self, critic: CriticHeads, teacher: NFDTransformer, settings: AdversarySettings
    ) -> None:
        self._critic = critic
        self._teacher = teacher
        self._settings = settings

    def __call__(
        self, real: NoisyClips, fake: NoisyClips, made_BFChw: Tensor, generator: torch.Generator
    ) -> Losses:
        """`game`: the sum that both sides minimise. `made_BFChw`: the student's clean frames for
        the trained frames of `fake`, whose times and roles are those of `real`."""
        moves_BF, actions = real.moves_BF, real.actions_BFA
        t_BF = torch.where(moves_BF, self._draw_times(real, generator), real.t_BF)
        noise = torch.randn(made_BFChw.shape, generator=generator, device=made_BFChw.device)
        shown = _show(real, real.clean_BFChw, noise, t_BF)
        seen = self._hidden(_show(fake, made_BFChw, noise, t_BF), t_BF, fake.actions_BFA)
        with frozen(self._critic):
            adversarial = generator_loss(self._critic(seen)[moves_BF])
        other_actions = torch.where(moves_BF[..., None], self._of_others(actions), actions)
        is_wrong_BF = moves_BF & (other_actions != actions).any(dim=-1)
        fakes = (
            self._critic([hidden.detach() for hidden in seen])[moves_BF],
            self._critic(self._hidden(shown, t_BF, other_actions))[is_wrong_BF],
        )
        true = self._critic(self._hidden(shown, t_BF, actions))[moves_BF]
        critic = critic_loss(true, torch.cat(fakes))
        game = self._settings.strength * adversarial + critic
        return {"game": game, "fooling": adversarial, "critic": critic}

    def _of_others(self, conditions_BFA: Tensor) -> Tensor:
        """Another clip's actions; the player's state stays."""
        size = self._teacher.config.action_size
        return torch.cat(
            (conditions_BFA[..., :size].roll(1, dims=0), conditions_BFA[..., size:]), dim=-1
        )

    def _draw_times(self, clips: NoisyClips, generator: torch.Generator) -> Tensor:
        shape, device = clips.t_BF.shape, clips.t_BF.device
        normal = torch.randn(shape, generator=generator, device=device)
        return (self._settings.log_tan_mean + self._settings.log_tan_std * normal).exp().atan()

    def _hidden(self, noisy_BFChw: Tensor, t_BF: Tensor, actions_BFA: Tensor) -> list[Tensor]:
        return hidden_states(self._teacher, self._critic.layers, noisy_BFChw, t_BF, actions_BFA)


def _show(clips: NoisyClips, frames_BFChw: Tensor, noise: Tensor, t_BF: Tensor) -> Tensor:
    """`frames_BFChw` with new noise at the trained positions; the context with its old noise."""
    moves = clips.moves_BF[:, :, None, None, None]
    return torch.where(moves, diffuse(frames_BFChw, noise, t_BF), clips.noisy_BFChw)


def hidden_states(
    transformer: NFDTransformer, layers: list[int], noisy: Tensor, t_BF: Tensor, actions: Tensor
) -> list[Tensor]:
    """Outputs (B, F, P, D) of these blocks in one masked pass over whole clips."""
    found: dict[int, Tensor] = {}

    def keep(layer: int, module: nn.Module, inputs: object, output: Tensor) -> None:
        found[layer] = output

    handles = [transformer.blocks[i].register_forward_hook(partial(keep, i)) for i in layers]
    try:
        with autocast(noisy.device):
            predict(transformer, noisy, t_BF, actions)
    finally:
        for handle in handles:
            handle.remove()
    return [found[layer].float() for layer in layers]
