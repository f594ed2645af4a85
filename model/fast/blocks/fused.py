"""A block's small operations as Triton kernels. The plain forms are in
`model.fast.blocks.operations`."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.fast.blocks import kernels
from model.fast.blocks.operations import BlockOperations
from model.layers.rope import Rotation
from model.nfd.block import DiTBlock

_EPS = 1e-6  # of the norms in `model.nfd.block`


def modulate(x_BFPD: Tensor, shift_BF1D: Tensor, scale_BF1D: Tensor) -> Tensor:
    """A program per token, here and in the two below."""
    x = x_BFPD.contiguous()
    shift, scale = _by_frame(shift_BF1D, scale_BF1D)
    out = torch.empty_like(x)
    kernels.modulate[_programs(x)](x, shift, scale, out, *_sizes(x, shift), _EPS, **_block(x))
    return out


def add_gated(x_BFPD: Tensor, y_BFPD: Tensor, gate_BF1D: Tensor) -> Tensor:
    x, y = x_BFPD.contiguous(), y_BFPD.contiguous()
    (gate,) = _by_frame(gate_BF1D)
    out = torch.empty_like(x)
    kernels.add_gated[_programs(x)](x, y, gate, out, *_sizes(x, gate), **_block(x))
    return out


def add_and_modulate(
    x_BFPD: Tensor, y_BFPD: Tensor, gate_BF1D: Tensor, shift_BF1D: Tensor, scale_BF1D: Tensor
) -> tuple[Tensor, Tensor]:
    x, y = x_BFPD.contiguous(), y_BFPD.contiguous()
    conditions = _by_frame(gate_BF1D, shift_BF1D, scale_BF1D)
    out, hidden = torch.empty_like(x), torch.empty_like(x)
    kernels.add_and_modulate[_programs(x)](
        x, y, *conditions, out, hidden, *_sizes(x, conditions[0]), _EPS, **_block(x)
    )
    return out, hidden


def rotate_normed(qkv_BS3NK: Tensor, block: DiTBlock, rotation: Rotation) -> tuple[Tensor, Tensor]:
    """A program per token, for queries and for keys. Both are stored head by head, as in the
    key-value pool."""
    qkv = qkv_BS3NK.contiguous()
    batch, tokens, _, num_heads, size = qkv.shape
    angles = (batch, 1, tokens, size // 2)
    cos, sin = rotation.cos_BNSK.expand(angles), rotation.sin_BNSK.expand(angles)
    out = qkv.new_empty(2, batch, num_heads, tokens, size)
    kernels.rotate_normed[batch * tokens, 2](
        # Not formatted: tensors, sizes and constants on a line each, as in the kernel.
        qkv, block.q_norm.weight, block.k_norm.weight, cos, sin, out,
        tokens, batch * tokens, num_heads, size // 2, cos.stride(0), cos.stride(2), _EPS,
        HEADS=_power_of_2(num_heads), HALF=_power_of_2(size // 2),
    )  # fmt: skip
    q_BNSK, k_BNSK = out.unbind(0)
    return q_BNSK, k_BNSK


def _by_frame(*conditions_BF1D: Tensor) -> Sequence[Tensor]:
    """Views (frames, D). Parts of one modulation: their rows lie equally far apart."""
    rows = [conditions.flatten(0, 2) for conditions in conditions_BF1D]
    assert len({row.stride(0) for row in rows}) == 1, "shift, scale and gate of different layouts"
    return rows


def _programs(x_BFPD: Tensor) -> tuple[int]:
    return (x_BFPD.numel() // x_BFPD.shape[-1],)


def _sizes(x_BFPD: Tensor, condition_FD: Tensor) -> tuple[int, int, int]:
    """How far the rows of two frames lie apart; tokens per frame; width."""
    return condition_FD.stride(0), *x_BFPD.shape[-2:]


def _block(x_BFPD: Tensor) -> Mapping[str, int]:
    return {"BLOCK": _power_of_2(x_BFPD.shape[-1])}


def _power_of_2(least: int) -> int:
    return 1 << (least - 1).bit_length()


FUSED = BlockOperations(
    modulate=modulate,
    add_gated=add_gated,
    add_and_modulate=add_and_modulate,
    rotate_normed=rotate_normed,
)
