"""What queries meet when keys and values live in the store: the engine's side of `Attend`.

Shape letters: B rows of a pass, N heads, S tokens of the pass, K head size.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from model.attention.backend import MaskedAttention
from model.cache.kv_store import KVStore
from model.cache.page_table import Placement


class StepAttention:
    """One new frame per row, each against its own session's pages and no other's.

    Every pass overwrites the keys and values of the new frame's page, and only of that page: the
    denoise passes leave noisy ones there, the last pass leaves those that stay. Rows are attended
    one by one on views of the slab, so nothing is gathered or masked, contexts may differ in
    length, and no row's arithmetic depends on another's. Rows beyond the placements are padding
    and attend to nothing.
    """

    def __init__(self, store: KVStore, placements: Sequence[Placement]) -> None:
        self._written = [
            [store.page(layer, p.slot, p.page) for p in placements]
            for layer in range(store.num_layers)
        ]
        self._seen = [
            [store.pages(layer, p.slot, p.num_pages) for p in placements]
            for layer in range(store.num_layers)
        ]

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        rows = []
        for row, (keys, values) in enumerate(self._written[layer]):
            keys.copy_(k_BNSK[row])
            values.copy_(v_BNSK[row])
            seen_keys, seen_values = self._seen[layer][row]
            query = q_BNSK[row : row + 1]
            rows.append(F.scaled_dot_product_attention(query, seen_keys, seen_values))
        if num_padding := len(q_BNSK) - len(rows):
            rows.append(torch.zeros_like(q_BNSK[:num_padding]))
        return torch.cat(rows)


class PrefillAttention(MaskedAttention):
    """One session's opening frames in one masked pass; frame i leaves its keys in page i."""

    def __init__(self, store: KVStore, slot: int, *, num_frames: int, window: int, like: Tensor):
        tokens_per_frame = store.tokens_per_frame
        super().__init__(num_frames, tokens_per_frame, window, like)
        self._pages = [store.pages(layer, slot, num_frames) for layer in range(store.num_layers)]

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        keys, values = self._pages[layer]
        keys.copy_(k_BNSK)
        values.copy_(v_BNSK)
        return super().__call__(layer, q_BNSK, k_BNSK, v_BNSK)
