"""Classifier-free guidance (arXiv 2207.12598) towards the hands. A teacher that is not always told
the action learns what would come anyway; led away from that, a student answers more clearly.

Shape letters: B clips, F frames, C h w latent channels, rows, columns, A action size.
"""

import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from training.loop.device import autocast
from training.objectives.prediction import predict

UNTOLD = -1.0  # in every entry: no hands make such an action, whose buttons are 0 or 1


def sometimes_untold(actions_BFA: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """The actions, of which those of a `share` of the clips are not told."""
    drawn_B = torch.rand(len(actions_BFA), generator=generator, device=actions_BFA.device)
    return actions_BFA.masked_fill((drawn_B < share)[:, None, None], UNTOLD)


def guided(
    teacher: NFDTransformer, noisy_BFChw: Tensor, t_BF: Tensor, actions_BFA: Tensor, strength: float
) -> Tensor:
    """The teacher's direction, `strength` times as far from the untold one; 1 is its own."""
    with autocast(noisy_BFChw.device):
        told = predict(teacher, noisy_BFChw, t_BF, actions_BFA).float()
        if strength == 1.0:
            return told
        untold = predict(teacher, noisy_BFChw, t_BF, torch.full_like(actions_BFA, UNTOLD)).float()
    return torch.lerp(untold, told, strength)
