"""Keys and values of token-autoregressive sessions, and what queries meet there. Tensors only.

A page holds one frame: the tokens of the action that leads to it, then its cells.
Shape letters: B rows, N query heads, M key heads, G queries per key head, E entries of the pass,
K head size, S = pages * tokens per page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.ar.transformer import ARConfig


class TokenStore:
    """Owns two slabs [layers, slots, S, M, K], allocated once. Keys are stored rotated."""

    def __init__(
        self, config: ARConfig, *, num_slots: int, pages_per_slot: int, like: Tensor
    ) -> None:
        """Device and dtype are those of `like`."""
        num_tokens = pages_per_slot * config.tokens_per_frame
        heads = (config.num_kv_heads, config.head_size)
        self._keys = like.new_zeros(config.num_layers, num_slots, num_tokens, *heads)
        self._values = torch.zeros_like(self._keys)

    @property
    def nbytes(self) -> int:
        return self._keys.nbytes + self._values.nbytes

    def slot(self, layer: int, slot: int) -> tuple[Tensor, Tensor]:
        """Views (S, M, K) of one session's keys and values, all of its pages."""
        return self._keys[layer, slot], self._values[layer, slot]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """Of one row of a pass: which entries of its slot it overwrites, and which it attends to."""

    slot: int
    written_E: Tensor
    mask_ES: Tensor  # S may end before the slot's last page


class CachedAttention:
    """Each row against its own session's pages and no other's."""

    def __init__(self, store: TokenStore, reaches: Sequence[Reach]) -> None:
        self._store = store
        self._reaches = reaches

    def __call__(self, layer: int, q_BNEK: Tensor, k_BMEK: Tensor, v_BMEK: Tensor) -> Tensor:
        rows = []
        for row, reach in enumerate(self._reaches):
            keys_SMK, values_SMK = self._store.slot(layer, reach.slot)
            keys_SMK.index_copy_(0, reach.written_E, k_BMEK[row].transpose(0, 1))
            values_SMK.index_copy_(0, reach.written_E, v_BMEK[row].transpose(0, 1))
            seen = reach.mask_ES.shape[1]
            rows.append(
                attend_grouped(q_BNEK[row], keys_SMK[:seen], values_SMK[:seen], reach.mask_ES)
            )
        return torch.stack(rows)


def attend_grouped(q_NEK: Tensor, k_SMK: Tensor, v_SMK: Tensor, mask_ES: Tensor) -> Tensor:
    """Grouped-query attention (N, E, K) without copying keys to every query head: the queries of
    one key head become further rows of one attention."""
    num_heads, num_entries, head_size = q_NEK.shape
    num_key_heads = k_SMK.shape[1]
    group = num_heads // num_key_heads
    mixed = nnf.scaled_dot_product_attention(
        q_NEK.reshape(1, num_key_heads, group * num_entries, head_size),
        k_SMK.transpose(0, 1)[None],
        v_SMK.transpose(0, 1)[None],
        attn_mask=mask_ES.repeat(group, 1),
    )
    return mixed.view(num_heads, num_entries, head_size)
