"""Tokens, keys and values of token-autoregressive sessions, and what queries meet there. Tensors
only; decides nothing.

Shape letters: N query heads, M key heads, E entries of a pass (its rows one after the other),
T tokens per page, K head size, S = pages * T.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.ar.decoding.feed import Feed
from model.ar.transformer import ARConfig
from model.cache.page_table import Placement


class TokenStore:
    """Owns the token ids of every page, and keys and values [layers, slots, pages, T, M, K].
    Keys are stored rotated."""

    def __init__(
        self, config: ARConfig, *, num_slots: int, pages_per_slot: int, like: Tensor
    ) -> None:
        """Device and dtype are those of `like`."""
        pages = (num_slots, pages_per_slot, config.tokens_per_frame)
        heads = (config.num_kv_heads, config.head_size)
        self.ids = torch.zeros(pages, dtype=torch.int64, device=like.device)
        self.keys = like.new_zeros(config.num_layers, *pages, *heads)
        self.values = torch.zeros_like(self.keys)
        self.queries_per_key = config.num_heads // config.num_kv_heads


class CachedAttention:
    """Each row against its own session's pages and no other's.

    Rows go one after the other, so several may be frames of one session, in order: each meets
    those before it, and may take a page that only they still needed.
    """

    def __init__(self, store: TokenStore, rows: Sequence[tuple[Feed, Placement]]) -> None:
        self._store = store
        group = store.queries_per_key
        self._rows = [(feed, place, feed.mask(place).repeat(group, 1)) for feed, place in rows]
        self._lengths = [len(feed) for feed, _ in rows]

    def __call__(self, layer: int, q_1NEK: Tensor, k_1MEK: Tensor, v_1MEK: Tensor) -> Tensor:
        parts = (torch.split(x[0], self._lengths, dim=1) for x in (q_1NEK, k_1MEK, v_1MEK))
        mixed = []
        for (feed, place, mask_QS), q_NEK, k_MEK, v_MEK in zip(self._rows, *parts, strict=True):
            keys, values = (
                self._store.keys[layer, place.slot],
                self._store.values[layer, place.slot],
            )
            keys[place.page].index_copy_(0, feed.offsets_E, k_MEK.transpose(0, 1))
            values[place.page].index_copy_(0, feed.offsets_E, v_MEK.transpose(0, 1))
            seen = (keys[: place.num_pages].flatten(0, 1), values[: place.num_pages].flatten(0, 1))
            mixed.append(attend_grouped(q_NEK, *seen, mask_QS))
        return torch.cat(mixed, dim=1)[None]


def attend_grouped(q_NEK: Tensor, k_SMK: Tensor, v_SMK: Tensor, mask_QS: Tensor) -> Tensor:
    """Grouped-query attention (N, E, K) without copying keys to every query head: the queries of
    one key head become further rows of one attention, Q = N / M * E in all."""
    num_heads, num_entries, head_size = q_NEK.shape
    mixed = nnf.scaled_dot_product_attention(
        q_NEK.reshape(1, k_SMK.shape[1], -1, head_size),
        k_SMK.transpose(0, 1)[None],
        v_SMK.transpose(0, 1)[None],
        attn_mask=mask_QS,
    )
    return mixed.view(num_heads, num_entries, head_size)
