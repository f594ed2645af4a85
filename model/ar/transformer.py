"""A causal transformer over tokens of frames and actions (MineWorld, arXiv 2504.08388): RMSNorm,
SwiGLU, rotary positions along the sequence, grouped queries, no biases. Knows no cache, no decode
order and no sampling.

Shape letters: B sessions, E entries of this pass, D width, N query heads, M key heads, K head size,
V codes.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.attention.backend import Attend
from model.layers.rope import Rotation

ROPE_THETA = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ARConfig:
    """Ids below `codebook_size` are codes of frames, the `num_action_ids` above them are actions.
    `window` counts the frames that a frame may attend to, itself included."""

    codebook_size: int
    num_action_ids: int
    actions_per_frame: int  # tokens of one action
    grid_height: int
    grid_width: int
    width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    mlp_width: int
    window: int

    @property
    def cells_per_frame(self) -> int:
        return self.grid_height * self.grid_width

    @property
    def tokens_per_frame(self) -> int:
        """The action that leads to a frame, then the frame."""
        return self.actions_per_frame + self.cells_per_frame

    @property
    def head_size(self) -> int:
        return self.width // self.num_heads


class Block(nn.Module):
    """Attention and a gated MLP, each behind its norm."""

    def __init__(self, layer: int, config: ARConfig) -> None:
        super().__init__()
        self.layer = layer
        self.heads = (config.num_heads, config.num_kv_heads, config.num_kv_heads)
        width, key_width = config.width, config.num_kv_heads * config.head_size
        self.attention_norm = nn.RMSNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, width + 2 * key_width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, eps=1e-6)
        self.gate_up = nn.Linear(width, 2 * config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, width, bias=False)

    def forward(self, x_BED: Tensor, rotation: Rotation, attend: Attend) -> Tensor:
        x_BED = x_BED + self._attention(self.attention_norm(x_BED), rotation, attend)
        gate, up = self.gate_up(self.mlp_norm(x_BED)).chunk(2, dim=-1)
        out_BED: Tensor = x_BED + self.down(F.silu(gate) * up)
        return out_BED

    def _attention(self, x_BED: Tensor, rotation: Rotation, attend: Attend) -> Tensor:
        batch, entries, width = x_BED.shape
        qkv = self.qkv(x_BED).view(batch, entries, sum(self.heads), -1).transpose(1, 2)
        q_BNEK, k_BMEK, v_BMEK = qkv.split(self.heads, dim=1)
        mixed = attend(self.layer, rotation.apply(q_BNEK), rotation.apply(k_BMEK), v_BMEK)
        projected: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, entries, width))
        return projected


class ARTransformer(nn.Module):
    """Entries in, hidden states out; `logits` reads the next code from those that matter."""

    frequencies: Tensor

    def __init__(self, config: ARConfig) -> None:
        super().__init__()
        self.config = config
        num_ids = config.codebook_size + config.num_action_ids
        self.embed = nn.Embedding(num_ids, config.width)
        blocks = [Block(layer, config) for layer in range(config.num_layers)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.RMSNorm(config.width, eps=1e-6)
        self.head = nn.Linear(config.width, config.codebook_size, bias=False)
        steps = torch.arange(config.head_size // 2, dtype=torch.float64)
        frequencies = ROPE_THETA ** (-2 * steps / config.head_size)
        self.register_buffer("frequencies", frequencies.float(), persistent=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
        for block in blocks:
            for last in (block.out, block.down):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * config.num_layers))

    def forward(self, ids_BE: Tensor, positions_BE: Tensor, attend: Attend) -> Tensor:
        """Hidden states (B, E, D) of these ids at integer positions (B or 1, E)."""
        hidden: Tensor = self.embed(ids_BE)
        rotation = self._rotation(positions_BE)
        for block in self.blocks:
            hidden = block(hidden, rotation, attend)
        return hidden

    def logits(self, hidden_BED: Tensor) -> Tensor:
        """Log-odds (B, E, V) of the code that each entry's hidden state foretells."""
        logits: Tensor = self.head(self.norm(hidden_BED))
        return logits

    def _rotation(self, positions_BE: Tensor) -> Rotation:
        # fp64 modulo one turn: positions grow for as long as a session lives.
        angles = positions_BE[:, None, :, None].double() * self.frequencies.double()
        angles = torch.remainder(angles, 2 * math.pi).float()
        return Rotation(angles.cos(), angles.sin())
