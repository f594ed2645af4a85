"""Noise level and action of a frame, as the vectors that modulate its layers (adaLN-Zero).

Shape letters: B sessions, F frames, D width, A action size.
"""

import math

import torch
from torch import Tensor, nn


class TimeEmbedding(nn.Module):
    """TrigFlow time t in [0, pi/2] to a vector. fp32 whatever autocast says, and slow frequencies
    only: both keep the time derivative of a consistency model sane (sCM, arXiv 2410.11081)."""

    frequencies: Tensor

    def __init__(self, width: int, num_frequencies: int = 32, fastest: float = 32.0) -> None:
        super().__init__()
        steps = torch.linspace(0.0, 1.0, num_frequencies)
        self.register_buffer("frequencies", torch.exp(steps * math.log(fastest)), persistent=False)
        self.mlp = nn.Sequential(
            nn.Linear(2 * num_frequencies, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, t_BF: Tensor) -> Tensor:
        with torch.autocast(t_BF.device.type, enabled=False):
            angles = t_BF.float()[..., None] * self.frequencies
            embedded: Tensor = self.mlp(torch.cat((angles.cos(), angles.sin()), dim=-1))
        return embedded


class Conditioning(nn.Module):
    """Owns all conditioning of a frame: the frame's noise level, the noise level of the previous
    frame, and the action that leads to the frame. A vector per frame, shared by the frame's
    tokens."""

    def __init__(self, width: int, action_size: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(width)
        self.previous_time = TimeEmbedding(width)
        self.action = nn.Sequential(
            nn.Linear(action_size, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, t_BF: Tensor, previous_t_BF: Tensor, actions_BFA: Tensor) -> Tensor:
        embedded: Tensor = (
            self.time(t_BF) + self.previous_time(previous_t_BF) + self.action(actions_BFA)
        )
        return embedded
