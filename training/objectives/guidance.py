"""Classifier-free guidance (arXiv 2207.12598) with the player's action as the condition. The
teacher trains with action dropout: in a share of the clips it sees no actions and learns the
distribution of frames without them. A student distilled from the guided teacher answers actions
more clearly.

Shape letters: B clips, F frames, C h w latent channels, rows, columns, A action size.
"""

import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from training.device import autocast
from training.objectives.prediction import predict

NO_ACTION = -1.0  # in every entry; the buttons of a real action are 0 or 1


def without_actions(actions_BFA: Tensor, action_size: int) -> Tensor:
    """`actions_BFA` with every action replaced by NO_ACTION; the player's state after it stays."""
    hidden = actions_BFA.clone()
    hidden[..., :action_size] = NO_ACTION
    return hidden


def drop_actions(
    actions_BFA: Tensor, action_size: int, share: float, generator: torch.Generator
) -> Tensor:
    """`actions_BFA` with the actions dropped in a random `share` of the clips, whole clips at a
    time."""
    drawn_B = torch.rand(len(actions_BFA), generator=generator, device=actions_BFA.device)
    return torch.where(
        (drawn_B < share)[:, None, None], without_actions(actions_BFA, action_size), actions_BFA
    )


def guided(
    teacher: NFDTransformer, noisy_BFChw: Tensor, t_BF: Tensor, actions_BFA: Tensor, strength: float
) -> Tensor:
    """free + strength (conditional - free), where `free` is the teacher's direction without
    actions; a strength of 1 is the teacher's own direction."""
    with autocast(noisy_BFChw.device):
        conditional = predict(teacher, noisy_BFChw, t_BF, actions_BFA).float()
        if strength == 1.0:
            return conditional
        hidden = without_actions(actions_BFA, teacher.config.action_size)
        free = predict(teacher, noisy_BFChw, t_BF, hidden).float()
    return torch.lerp(free, conditional, strength)
