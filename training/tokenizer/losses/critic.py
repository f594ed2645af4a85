"""The adversarial term of the tokenizer's second stage: a patch critic and how hard it may pull.

As in VQGAN (arXiv 2012.09841): hinge loss on overlapping patches, and a weight that keeps the
critic's pull on the decoder's last layer as strong as the picture loss's own, times `strength`.

Shape letters: B frames, H W pixels, h w patches.
"""

from itertools import pairwise

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from training.objectives.hinge import critic_loss, fooling_loss, unmoved
from training.objectives.objective import Losses

_WIDTHS = (32, 64, 128)
_LEAD_STEPS = 200  # the critic learns so long before anybody listens to it
_MAX_PULL = 1e4


class PatchCritic(nn.Module):
    """Real or rebuilt, asked of every patch of about 30 pixels (arXiv 1611.07004)."""

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


class Adversary:
    """Adds the game to a picture loss. `last_weight` is the decoder's last kernel."""

    def __init__(self, critic: PatchCritic, last_weight: Tensor, strength: float) -> None:
        self._critic = critic
        self._last_weight = last_weight
        self._strength = strength

    def __call__(self, rebuilt: Tensor, pixels: Tensor, losses: Losses, step: int) -> Losses:
        with unmoved(self._critic):
            fooling = fooling_loss(self._critic(rebuilt))
        critic = critic_loss(self._critic(pixels), self._critic(rebuilt.detach()))
        pull = self._strength * self.balance(losses["loss"], fooling) * (step >= _LEAD_STEPS)
        loss = losses["loss"] + pull * fooling + critic
        return losses | {"loss": loss, "fooling": fooling, "critic": critic, "pull": pull}

    def balance(self, picture: Tensor, fooling: Tensor) -> Tensor:
        """By what to multiply `fooling` so that both move the last layer equally far."""
        ours, theirs = (
            torch.autograd.grad(loss, self._last_weight, retain_graph=True)[0].norm()
            for loss in (picture, fooling)
        )
        balance: Tensor = ours / (theirs + 1e-6)
        return balance.clamp(max=_MAX_PULL)


def last_kernel(decoder: nn.Module) -> Tensor:
    return [layer.weight for layer in decoder.modules() if isinstance(layer, nn.Conv2d)][-1]
