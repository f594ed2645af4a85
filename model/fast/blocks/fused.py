"""A block's small operations as Triton kernels. Their twins are in `model.fast.blocks.halves`.

Shape letters: B sessions, F frames, P tokens per frame, S = F * P, D width, N heads, K head size.
"""

import torch
from torch import Tensor

from model.fast.blocks import kernels
from model.fast.blocks.halves import Halves
from model.layers.rope import Rotation
from model.nfd.block import DiTBlock

_EPS = 1e-6  # of the norms in `model.nfd.block`


def modulate(x_BFPD: Tensor, shift_BF1D: Tensor, scale_BF1D: Tensor) -> Tensor:
    """A program per token."""
    x = x_BFPD.contiguous()
    tokens, width = x.shape[-2:]
    shift, scale = shift_BF1D.flatten(0, 2), scale_BF1D.flatten(0, 2)  # views (frames, D)
    out = torch.empty_like(x)
    kernels.modulate[x.numel() // width,](
        x, shift, scale, out, shift.stride(0), tokens, width, _EPS, BLOCK=_power_of_2(width)
    )
    return out


def rotate_normed(qkv_BS3NK: Tensor, block: DiTBlock, rotation: Rotation) -> tuple[Tensor, Tensor]:
    """A program per token, for its queries and for its keys."""
    qkv = qkv_BS3NK.contiguous()
    batch, tokens, _, num_heads, size = qkv.shape
    angles = (batch, 1, tokens, size // 2)
    cos, sin = rotation.cos_BNSK.expand(angles), rotation.sin_BNSK.expand(angles)
    out = qkv.new_empty(2, batch, tokens, num_heads, size)
    kernels.rotate_normed[batch * tokens, 2](
        qkv, block.q_norm.weight, block.k_norm.weight, cos, sin, out,
        tokens, batch * tokens, num_heads, size // 2, cos.stride(0), cos.stride(2), _EPS,
        HEADS=_power_of_2(num_heads), HALF=_power_of_2(size // 2),
    )  # fmt: skip
    q_BNSK, k_BNSK = out.transpose(2, 3).unbind(0)
    return q_BNSK, k_BNSK


def _power_of_2(least: int) -> int:
    return 1 << (least - 1).bit_length()


FUSED = Halves(modulate=modulate, rotate_normed=rotate_normed)
