"""What flash-attn is asked for is what the gathered twin computes. The library's own kernel needs a
GPU; here a plain form of it answers to its name.

Shape letters: B rows, P tokens of a row, N heads, K head size, S tokens of a slot.
"""

import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor

from model.fast.sub_batches.context_attention import (
    ContextAttention,
    flash_attention,
    gathered_attention,
)

SLOTS, HEADS, SLOT_TOKENS, HEAD_SIZE, ROW_TOKENS = 5, 3, 28, 8, 4  # no two alike
ROWS = ((3, 12), (0, 28), (4, 1), (0, 4), (1, 13), (2, 24))  # slot, length; 0 twice, as in padding


def flash_attn_with_kvcache(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, *, cache_seqlens: Tensor, cache_batch_idx: Tensor
) -> Tensor:
    """As documented: q (B, P, N, K), caches (slots, S, N, K), no causal mask, softmax scaled by
    1 / sqrt(K); (B, P, N, K). What the kernel would refuse is refused."""
    (num_rows, _, *head), (_, num_tokens, *cache_head) = q.shape, k_cache.shape
    assert head == cache_head and k_cache.shape == v_cache.shape
    assert q.dtype == k_cache.dtype == v_cache.dtype
    assert k_cache.stride(-1) == v_cache.stride(-1) == 1
    for numbers in (cache_seqlens, cache_batch_idx):
        assert numbers.dtype == torch.int32 and numbers.is_contiguous()
        assert numbers.shape == (num_rows,)
    mixed_BPNK = torch.empty_like(q)
    for row, (slot, length) in enumerate(
        zip(cache_batch_idx.tolist(), cache_seqlens.tolist(), strict=True)
    ):
        assert 0 < length <= num_tokens
        for n in range(head[0]):
            scores_PS = q[row, :, n] @ k_cache[slot, :length, n].T / head[1] ** 0.5
            mixed_BPNK[row, :, n] = scores_PS.softmax(dim=-1) @ v_cache[slot, :length, n]
    return mixed_BPNK


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> ContextAttention:
    library = ModuleType("flash_attn")
    vars(library)["flash_attn_with_kvcache"] = flash_attn_with_kvcache
    monkeypatch.setitem(sys.modules, "flash_attn", library)
    return flash_attention()


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_flash_is_asked_for_what_the_gathered_twin_computes(
    flash: ContextAttention, dtype: torch.dtype, atol: float
) -> None:
    """Slots out of order, lengths unlike, and something in every token that must not be seen. Slots
    and lengths are columns of a table, as in a pass; the query is in fp32 whatever the pool is."""
    generator = torch.Generator().manual_seed(0)
    pools = torch.randn(2, SLOTS, HEADS, SLOT_TOKENS, HEAD_SIZE, generator=generator)
    q = 3 * torch.randn(len(ROWS), HEADS, ROW_TOKENS, HEAD_SIZE, generator=generator)
    keys, values = pools.to(dtype)
    asked = (q, keys, values, *torch.tensor(ROWS).unbind(1))
    torch.testing.assert_close(flash(*asked), gathered_attention(*asked), atol=atol, rtol=0)
