"""The adversarial term of the tokenizer's second stage: a patch critic and an adaptive weight.

As in VQGAN (arXiv 2012.09841): hinge loss on overlapping patches. The weight makes the gradient of
the generator loss at the decoder's last layer `strength` times as long as the picture loss's.

Shape letters: B frames, H W pixels, h w patches.
"""

from itertools import pairwise

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from training.objectives.hinge import critic_loss, frozen, generator_loss
from training.objectives.objective import Losses

_WIDTHS = (32, 64, 128)
_LEAD_STEPS = 200  # the critic trains alone for so many steps
_MAX_PULL = 1e4


class PatchCritic(nn.Module):
    """Rates every patch of about 30 pixels as real or decoded (arXiv 1611.07004)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _WIDTHS[0], 4, stride=2, padding=1)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in _WIDTHS[:-1])
        self.convs = nn.ModuleList(
            nn.Conv2d(before, width, 4, stride=2, padding=1) for before, width in pairwise(_WIDTHS)
        )
        self.head = nn.Conv2d(_WIDTHS[-1], 1, 3, padding=1)

    def forward(self, pixels_B3HW: Tensor) -> Tensor:
        """Logits (B, 1, h, w)"""
        hidden = self.stem(pixels_B3HW)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            hidden = conv(nnf.leaky_relu(norm(hidden), 0.2))
        logits: Tensor = self.head(nnf.leaky_relu(hidden, 0.2))
        return logits


class PatchAdversary:
    """Adds both adversarial losses to a picture loss. `last_weight`: the decoder's last kernel."""

    def __init__(self, critic: PatchCritic, last_weight: Tensor, strength: float) -> None:
        self._critic = critic
        self._last_weight = last_weight
        self._strength = strength

    def __call__(self, rebuilt: Tensor, pixels: Tensor, losses: Losses, step: int) -> Losses:
        with frozen(self._critic):
            adversarial = generator_loss(self._critic(rebuilt))
        critic = critic_loss(self._critic(pixels), self._critic(rebuilt.detach()))
        pull = self._strength * self.balance(losses["loss"], adversarial) * (step >= _LEAD_STEPS)
        loss = losses["loss"] + pull * adversarial + critic
        return losses | {"loss": loss, "fooling": adversarial, "critic": critic, "pull": pull}

    def balance(self, picture: Tensor, adversarial: Tensor) -> Tensor:
        """The factor of `adversarial` that gives both losses equal gradients at the last layer."""
        ours, theirs = (
            torch.autograd.grad(loss, self._last_weight, retain_graph=True)[0].norm()
            for loss in (picture, adversarial)
        )
        balance: Tensor = ours / (theirs + 1e-6)
        return balance.clamp(max=_MAX_PULL)


def last_kernel(decoder: nn.Module) -> Tensor:
    return [layer.weight for layer in decoder.modules() if isinstance(layer, nn.Conv2d)][-1]
