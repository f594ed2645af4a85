"""Block-causal attention over a clip in groups of frames: the queries of a group meet the keys of
all windows in the group, in a single matrix product. Keys outside these windows are skipped; the
mask inside a group is an additive bias. In bf16 this is the fastest form on a CPU, where fused
kernels compute the hidden half of a mask and convert bf16 to fp32.

Shape letters: B clips, N heads, S tokens of all frames, G tokens of a group, C tokens in the
windows of a group, K head size, M = B * N.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from model.attention.mask import block_causal_mask

_GROUP_TOKENS = 320  # measured best between 160 and 640 for 40 to 160 tokens a frame


class _Group(NamedTuple):
    queries: slice
    keys: slice
    bias_GC: Tensor  # 0 where a query sees a key, -inf elsewhere


class GroupedAttention:
    """An `Attend` for whole clips. Equal to `MaskedAttention` up to the rounding of the product
    type, which is autocast's while autocast is on."""

    def __init__(self, num_frames: int, tokens_per_frame: int, window: int, like: Tensor) -> None:
        self._dtype = product_dtype(like)
        seen_SS = block_causal_mask(num_frames, tokens_per_frame, window, like.device)
        bias_SS = torch.zeros(seen_SS.shape, dtype=self._dtype, device=like.device)
        bias_SS.masked_fill_(~seen_SS, -torch.inf)
        frames = max(1, _GROUP_TOKENS // tokens_per_frame)
        self._groups = []
        for first in range(0, num_frames, frames):
            end = min(first + frames, num_frames)
            queries = slice(first * tokens_per_frame, end * tokens_per_frame)
            keys = slice(max(0, first + 1 - window) * tokens_per_frame, queries.stop)
            self._groups.append(_Group(queries, keys, bias_SS[queries, keys].contiguous()))

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        q_BNSK = q_BNSK * q_BNSK.shape[-1] ** -0.5
        q_MSK, k_MSK, v_MSK = (x.to(self._dtype).flatten(0, 1) for x in (q_BNSK, k_BNSK, v_BNSK))
        mixed = [
            torch.baddbmm(bias_GC, q_MSK[:, queries], k_MSK[:, keys].transpose(1, 2))
            .softmax(-1)
            .bmm(v_MSK[:, keys])
            for queries, keys, bias_GC in self._groups
        ]
        return torch.cat(mixed, dim=1).view(q_BNSK.shape)


def product_dtype(like: Tensor) -> torch.dtype:
    """Autocast's type while autocast is on, else the type of `like`."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype
