"""The learned map of a place: from a position and a heading to the latents of the expected view.
Knows no game, no history and no noise.

The map is a floor plan of learned features. Every ray of the camera reads features at many depths,
as a ray caster would read walls; a few layers of attention inside the frame turn the features into
latents. Shape letters: N states, R rays, K depths, P tokens, D width, C h w latent channels, rows,
columns, G features of a plane.
"""

import math

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from model.place.config import PlaceConfig

_READ = 32  # numbers that are kept of each depth of a ray
_ANGLE_HARMONICS = 2


class PlaceMap(nn.Module):
    """Rays over two feature planes, joined per column, then attention inside the frame."""

    angles_R: Tensor
    depths_RK: Tensor

    def __init__(self, config: PlaceConfig, channels: int, height: int, width: int) -> None:
        """`channels`, `height`, `width`: of the latents."""
        super().__init__()
        self.config = config
        self._cell = (channels, height, width)
        wide, columns = config.width, width
        self.fine = nn.Parameter(torch.randn(1, config.channels, config.fine, config.fine) * 0.1)
        self.coarse = nn.Parameter(
            torch.randn(1, config.channels, config.coarse, config.coarse) * 0.1
        )
        self.depth_KD = nn.Parameter(torch.randn(config.depths, _READ) * 0.1)
        self.read = nn.Linear(2 * config.channels + 2 * _ANGLE_HARMONICS, _READ)
        self.ray_in = nn.Linear(config.depths * _READ, wide)
        self.ray_out = nn.Linear(wide, wide)
        self.column = nn.Linear(config.rays * wide, height * wide)
        self.position_PD = nn.Parameter(torch.randn(height * columns, wide) * 0.02)
        self.blocks = nn.ModuleList(
            _Block(wide, config.num_heads) for _ in range(config.num_layers)
        )
        self.head = nn.Linear(wide, channels)
        angles = torch.tensor(config.ray_angles(columns))
        self.register_buffer("angles_R", angles, persistent=False)
        depths = torch.tensor(config.ray_depths())
        self.register_buffer("depths_RK", depths / angles.cos()[:, None], persistent=False)

    def forward(self, states_NS: Tensor) -> Tensor:
        """Latents (N, C, h, w) of what should be seen from there; heading 0 looks along x, and
        grows to the right."""
        channels, height, columns = self._cell
        tokens_NPD = self._look(states_NS.float()) + self.position_PD
        for block in self.blocks:
            tokens_NPD = block(tokens_NPD)
        latents: Tensor = self.head(nnf.layer_norm(tokens_NPD, tokens_NPD.shape[-1:]))
        return latents.transpose(1, 2).reshape(-1, channels, height, columns)

    def _look(self, states_NS: Tensor) -> Tensor:
        """(N, P, D): what each token's column of rays meets."""
        _, height, columns = self._cell
        config = self.config
        angles_NR = torch.deg2rad(states_NS[:, 2:3]) + self.angles_R
        features_NRKG = self._features(states_NS, angles_NR)
        read = nnf.gelu(self.read(features_NRKG) + self.depth_KD)
        rays_NRD = self.ray_out(nnf.gelu(self.ray_in(read.flatten(2))))
        joined = rays_NRD.reshape(len(states_NS), columns, config.rays * config.width)
        spread = self.column(joined).view(len(states_NS), columns, height, config.width)
        tokens: Tensor = spread.transpose(1, 2).reshape(len(states_NS), height * columns, -1)
        return tokens

    def _features(self, states_NS: Tensor, angles_NR: Tensor) -> Tensor:
        """(N, R, K, G): both planes where the rays meet them, and which way each ray goes."""
        config = self.config
        x = states_NS[:, 0, None, None] + self.depths_RK * angles_NR.cos()[..., None]
        y = states_NS[:, 1, None, None] - self.depths_RK * angles_NR.sin()[..., None]
        spots = torch.stack([x - config.middle_x, y - config.middle_y], dim=-1) / config.reach
        planes = [
            nnf.grid_sample(
                plane, spots.flatten(0, 2)[None, None], align_corners=False, padding_mode="border"
            )[0, :, 0]
            for plane in (self.fine, self.coarse)
        ]
        met_NRKG = torch.cat(planes).t().view(*x.shape, -1)
        turns = [
            wave(angles_NR * harmonic)
            for harmonic in range(1, _ANGLE_HARMONICS + 1)
            for wave in (torch.sin, torch.cos)
        ]
        ways = torch.stack(turns, dim=-1)[:, :, None].expand(-1, -1, x.shape[-1], -1)
        return torch.cat((met_NRKG, ways), dim=-1)


class _Block(nn.Module):
    """Attention and MLP inside one frame."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.gelu: nn.Module = nn.GELU(approximate="tanh")
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, x_NPD: Tensor) -> Tensor:
        batch, tokens, width = x_NPD.shape
        size = width // self.num_heads
        qkv = self.qkv(self.norm1(x_NPD)).view(batch, tokens, 3, self.num_heads, size)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        weights = (query * (1 / math.sqrt(size)) @ key.transpose(-1, -2)).softmax(dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(batch, tokens, width)
        x_NPD = x_NPD + self.out(mixed)
        out: Tensor = x_NPD + self.mlp_out(self.gelu(self.mlp_in(self.norm2(x_NPD))))
        return out
