"""Attention of many rows at once, each over the visible part of a slot.

Attention reads the pool of keys and values in place: a row names a slot and a context length. Knows
no pages. Shape letters: B rows, P tokens of a row, N heads, K head size, S tokens of a slot.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class ContextAttention(Protocol):
    """Queries of each row against the first `lengths_B` tokens (at least one) of its slot."""

    def __call__(
        self,
        q_BNPK: Tensor,
        keys: Tensor,  # (slots, N, S, K)
        values: Tensor,
        slots_B: Tensor,
        lengths_B: Tensor,
    ) -> Tensor:
        """(B, N, P, K), in the type of the keys."""
        ...


def gathered_attention(
    q_BNPK: Tensor, keys: Tensor, values: Tensor, slots_B: Tensor, lengths_B: Tensor
) -> Tensor:
    """torch's own: slots are copied side by side, and hidden keys are masked. Works everywhere; the
    copy and the masked keys cost as much as visible keys."""
    seen_S = torch.arange(keys.shape[2], device=keys.device)
    mask_B11S = (seen_S < lengths_B[:, None])[:, None, None]
    return F.scaled_dot_product_attention(
        q_BNPK.to(keys.dtype),
        keys.index_select(0, slots_B),
        values.index_select(0, slots_B),
        attn_mask=mask_B11S,
    )


def flash_attention() -> ContextAttention:
    """flash-attn's kernel for caches (arXiv 2307.08691): nothing is copied, and hidden keys are not
    computed. fp16 and bf16 only.

    Raises ImportError or OSError where the library is missing or broken. Only a call shows a broken
    library: other packages have the same name.
    """
    from flash_attn import flash_attn_with_kvcache

    def attend(
        q_BNPK: Tensor, keys: Tensor, values: Tensor, slots_B: Tensor, lengths_B: Tensor
    ) -> Tensor:
        mixed_BPNK: Tensor = flash_attn_with_kvcache(
            q_BNPK.transpose(1, 2).to(keys.dtype),
            keys.transpose(1, 2),
            values.transpose(1, 2),
            cache_seqlens=lengths_B.int(),
            cache_batch_idx=slots_B.int(),
        )
        return mixed_BPNK.transpose(1, 2)

    return attend
