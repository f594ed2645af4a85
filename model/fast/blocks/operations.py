"""The operations of a transformer block before and after attention, which may have other forms.

Attention writes to the cache and differs between passes; the operations are pure functions of
tensors, the same for every layer. The defaults equal `model.nfd.block`. Shape letters: B sessions,
F frames, P tokens per frame, S = F * P, D width, N heads, K head size.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import cast

from torch import Tensor, nn

from model.attention.backend import Attend
from model.layers.rope import Rotation
from model.nfd.block import DiTBlock, modulate
from model.nfd.transformer import NFDTransformer

Modulate = Callable[[Tensor, Tensor, Tensor], Tensor]  # x_BFPD, shift_BF1D, scale_BF1D
AddGated = Callable[[Tensor, Tensor, Tensor], Tensor]  # x_BFPD, y_BFPD, gate_BF1D
# x_BFPD, y_BFPD, gate_BF1D, shift_BF1D, scale_BF1D to the sum and the sum modulated
AddAndModulate = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
# qkv_BS3NK and the block whose norms they get, to queries and keys (B, N, S, K)
RotateNormed = Callable[[Tensor, DiTBlock, Rotation], tuple[Tensor, Tensor]]


def add_gated(x_BFPD: Tensor, y_BFPD: Tensor, gate_BF1D: Tensor) -> Tensor:
    return x_BFPD + gate_BF1D * y_BFPD


def add_and_modulate(
    x_BFPD: Tensor, y_BFPD: Tensor, gate_BF1D: Tensor, shift_BF1D: Tensor, scale_BF1D: Tensor
) -> tuple[Tensor, Tensor]:
    total_BFPD = add_gated(x_BFPD, y_BFPD, gate_BF1D)
    return total_BFPD, modulate(total_BFPD, shift_BF1D, scale_BF1D)


def rotate_normed(qkv_BS3NK: Tensor, block: DiTBlock, rotation: Rotation) -> tuple[Tensor, Tensor]:
    q_BNSK, k_BNSK, _ = qkv_BS3NK.permute(2, 0, 3, 1, 4).unbind(0)
    return rotation.apply(block.q_norm(q_BNSK)), rotation.apply(block.k_norm(k_BNSK))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockOperations:
    """A form of a block: the functions between the block's matrix products may be replaced."""

    modulate: Modulate = modulate
    add_gated: AddGated = add_gated
    add_and_modulate: AddAndModulate = add_and_modulate
    rotate_normed: RotateNormed = rotate_normed

    def project(
        self,
        block: DiTBlock,
        x_BFPD: Tensor,
        shift_BF1D: Tensor,
        scale_BF1D: Tensor,
        rotation: Rotation,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys, rotated, and values: each (B, N, S, K)."""
        batch, num_frames, tokens, _ = x_BFPD.shape
        qkv = block.qkv(self.modulate(x_BFPD, shift_BF1D, scale_BF1D))
        qkv_BS3NK = qkv.view(batch, num_frames * tokens, 3, block.num_heads, -1)
        q_BNSK, k_BNSK = self.rotate_normed(qkv_BS3NK, block, rotation)
        return q_BNSK, k_BNSK, qkv_BS3NK[:, :, 2].transpose(1, 2)

    def finish(
        self,
        block: DiTBlock,
        x_BFPD: Tensor,
        mixed_BFPD: Tensor,
        gate1_BF1D: Tensor,
        shift2_BF1D: Tensor,
        scale2_BF1D: Tensor,
        gate2_BF1D: Tensor,
    ) -> Tensor:
        """The frames' tokens after the block."""
        x_BFPD, hidden = self.add_and_modulate(
            x_BFPD, block.out(mixed_BFPD), gate1_BF1D, shift2_BF1D, scale2_BF1D
        )
        hidden = block.mlp_out(block.gelu(block.mlp_in(hidden)))
        return self.add_gated(x_BFPD, hidden, gate2_BF1D)


class BlockWithOperations(nn.Module):
    """A block over the same weights that calls the given operations."""

    def __init__(
        self,
        block: DiTBlock,
        project: Callable[..., tuple[Tensor, Tensor, Tensor]],
        finish: Callable[..., Tensor],
    ) -> None:
        super().__init__()
        self.block = block
        self._project = project
        self._finish = finish

    def forward(
        self, x_BFPD: Tensor, modulation_6BF1D: Tensor, rotation: Rotation, attend: Attend
    ) -> Tensor:
        shift1, scale1, *rest = modulation_6BF1D.unbind(0)
        q_BNSK, k_BNSK, v_BNSK = self._project(self.block, x_BFPD, shift1, scale1, rotation)
        mixed_BNSK = attend(self.block.layer, q_BNSK, k_BNSK, v_BNSK)
        mixed_BFPD = mixed_BNSK.transpose(1, 2).reshape(x_BFPD.shape)
        return self._finish(self.block, x_BFPD, mixed_BFPD, *rest)


def with_operations(
    transformer: NFDTransformer,
    project: Callable[..., tuple[Tensor, Tensor, Tensor]],
    finish: Callable[..., Tensor],
) -> NFDTransformer:
    """The same network, over the same weights, with these operations in every block."""
    kept = {id(t): t for t in chain(transformer.parameters(), transformer.buffers())}
    twin = copy.deepcopy(transformer, kept)
    blocks = cast(Iterable[DiTBlock], twin.blocks)
    twin.blocks = nn.ModuleList(BlockWithOperations(block, project, finish) for block in blocks)
    return twin
