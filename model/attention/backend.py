"""Attention as the transformer calls it; keys and values live behind the call.

A transformer computes rotated queries, keys and values; an `Attend` decides which keys a query
meets. The reference here is a masked pass over a clip; the engine has another over its cache. Shape
letters: B sessions, N heads, S tokens of the pass, K head size.
"""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from model.attention.mask import block_causal_mask


class Attend(Protocol):
    """The attention call of a layer in a pass."""

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        """Attention output (B, N, S, K). Keys come rotated. May cache keys and values."""
        ...


class MaskedAttention:
    """All frames in a single pass under the block-causal mask: for training, and the reference in
    tests."""

    def __init__(self, num_frames: int, tokens_per_frame: int, window: int, like: Tensor) -> None:
        self._mask_SS = block_causal_mask(num_frames, tokens_per_frame, window, like.device)

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q_BNSK, k_BNSK, v_BNSK, attn_mask=self._mask_SS)
