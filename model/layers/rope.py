"""Rotary embedding over (frame, row, column). Angles depend on differences of positions only.

Shape letters: B sessions, F frames, P tokens per frame, S = F * P, N heads, K head size.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Rotation:
    """Cosines and sines (B or 1, 1, S, K/2) for one forward pass, shared by all its layers."""

    cos_BNSK: Tensor
    sin_BNSK: Tensor

    def apply(self, x_BNSK: Tensor) -> Tensor:
        first, second = x_BNSK.chunk(2, dim=-1)
        cos, sin = self.cos_BNSK, self.sin_BNSK
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class RotaryEmbedding(nn.Module):
    """3D RoPE: the head is split into a frame, a row and a column part (as in HunyuanVideo).

    Frame positions may grow without bound: angles are reduced modulo a full turn in fp64, so keys
    rotated at write time stay comparable in a session of any length.
    """

    frame_frequencies: Tensor
    spatial_angles_PK: Tensor

    def __init__(self, head_size: int, grid_height: int, grid_width: int) -> None:
        super().__init__()
        frame, row, column = _split(head_size // 2)
        rows = torch.arange(grid_height, dtype=torch.float64).repeat_interleave(grid_width)
        columns = torch.arange(grid_width, dtype=torch.float64).repeat(grid_height)
        spatial = torch.cat(
            (
                rows[:, None] * _frequencies(row, grid_height),
                columns[:, None] * _frequencies(column, grid_width),
            ),
            dim=-1,
        )
        # Derived from the config, so they are no part of a checkpoint.
        self.register_buffer("frame_frequencies", _frequencies(frame, 64), persistent=False)
        self.register_buffer("spatial_angles_PK", spatial, persistent=False)

    def forward(self, frame_positions_BF: Tensor) -> Rotation:
        """Rotation of every token of frames at the given integer positions (B or 1, F)."""
        positions = frame_positions_BF.to(torch.float64)[..., None]
        temporal_BFK = torch.remainder(positions * self.frame_frequencies.double(), 2 * math.pi)
        spatial_PK = self.spatial_angles_PK.double()
        batch, num_frames, _ = temporal_BFK.shape
        tokens = spatial_PK.shape[0]
        angles = torch.cat(
            (
                temporal_BFK[:, :, None].expand(-1, -1, tokens, -1),
                spatial_PK.expand(batch, num_frames, -1, -1),
            ),
            dim=-1,
        )
        angles = angles.reshape(batch, 1, num_frames * tokens, -1)
        return Rotation(angles.cos().float(), angles.sin().float())

    def shift(self, num_frames: int) -> Rotation:
        """The rotation that moves keys of any frame to the position `num_frames` later (1, 1, 1,
        K/2)."""
        return self.shifts(torch.tensor([num_frames], device=self.frame_frequencies.device))

    def shifts(self, num_frames_B: Tensor) -> Rotation:
        """The same for rows with shifts of their own (B, 1, 1, K/2)."""
        angles_BK = num_frames_B[:, None] * self.frame_frequencies.double()
        turned_BK = torch.remainder(angles_BK, 2 * math.pi)
        angles = nnf.pad(turned_BK, (0, self.spatial_angles_PK.shape[1]))[:, None, None]
        return Rotation(angles.cos().float(), angles.sin().float())


def _split(num_pairs: int) -> tuple[int, int, int]:
    """Rotation pairs for frame, row and column: a quarter for time, the rest shared."""
    frame = num_pairs // 4
    row = (num_pairs - frame) // 2
    return frame, row, num_pairs - frame - row


def _frequencies(num_pairs: int, longest: int) -> Tensor:
    """Geometric frequencies from 1 rad per position down to about one turn in 4 x `longest`."""
    if num_pairs == 0:
        return torch.empty(0, dtype=torch.float64)
    slowest = 2 * math.pi / (4 * longest)
    steps = torch.linspace(0.0, 1.0, num_pairs, dtype=torch.float64)
    return torch.exp(steps * math.log(slowest))
