"""Classifier-free guidance (arXiv 2207.12598) towards the hands. A teacher that is not always told
the action learns what would come anyway; led away from that, a student answers more clearly.

Shape letters: B clips, F frames, C h w latent channels, rows, columns, A action size.
"""

import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from training.device import autocast
from training.objectives.prediction import predict

UNTOLD = -1.0  # in every entry: no hands make such an action, whose buttons are 0 or 1


def untold(told_BFA: Tensor, action_size: int) -> Tensor:
    """The same without its actions; the state behind them stays."""
    hidden = told_BFA.clone()
    hidden[..., :action_size] = UNTOLD
    return hidden


def sometimes_untold(
    told_BFA: Tensor, action_size: int, share: float, generator: torch.Generator
) -> Tensor:
    """What is told, in a `share` of the clips without the actions."""
    drawn_B = torch.rand(len(told_BFA), generator=generator, device=told_BFA.device)
    return torch.where((drawn_B < share)[:, None, None], untold(told_BFA, action_size), told_BFA)


def guided(
    teacher: NFDTransformer, noisy_BFChw: Tensor, t_BF: Tensor, actions_BFA: Tensor, strength: float
) -> Tensor:
    """The teacher's direction, `strength` times as far from the untold one; 1 is its own."""
    with autocast(noisy_BFChw.device):
        told = predict(teacher, noisy_BFChw, t_BF, actions_BFA).float()
        if strength == 1.0:
            return told
        hidden = untold(actions_BFA, teacher.config.action_size)
        freely = predict(teacher, noisy_BFChw, t_BF, hidden).float()
    return torch.lerp(freely, told, strength)
