"""Pages of every session, head by head: for each head, the pages of a slot are a contiguous range
of memory. Tensors only; decides nothing, and knows neither keys nor values.

Shape letters: L layers, N heads, P tokens per frame, S = pages * P, K head size, B rows of a pass,
H = B * N.
"""

import torch
from torch import Tensor

from model.nfd.transformer import NFDConfig


class KVPool:
    """Owns [L, slots, N, pages, P, K], allocated once.

    `write` addresses pages by a number: slot after slot, page after page. The number after the last
    page stands for padding, and padding is written to a place that nothing reads.
    """

    def __init__(
        self, config: NFDConfig, *, num_slots: int, pages_per_slot: int, like: Tensor
    ) -> None:
        """Device and dtype are taken from `like`."""
        heads, page = config.num_heads, (config.tokens_per_frame, config.head_size)
        self._pages_per_slot = pages_per_slot
        self._nowhere = num_slots * heads * pages_per_slot
        self._heads_N = torch.arange(heads, device=like.device) * pages_per_slot
        # Of each head's pages as they lie in memory; the last one is where padding goes.
        self._places = like.new_zeros(config.num_layers, self._nowhere + 1, *page)
        shape = (config.num_layers, num_slots, heads, pages_per_slot, *page)
        self._slots = self._places[:, :-1].view(shape)

    def page(self, layer: int, slot: int, page: int) -> Tensor:
        """View (N, P, K) of a page."""
        return self._slots[layer, slot, :, page]

    def pages(self, layer: int, slot: int, pages: range) -> Tensor:
        """View (1, N, S, K) of a range of a slot's pages, as a row of attention. (With three axes
        torch's attention is twice as slow.)"""
        return self._slots[layer, slot, :, pages.start : pages.stop].flatten(1, 2)[None]

    def layer(self, layer: int) -> Tensor:
        """View (slots, N, S, K) of everything."""
        return self._slots[layer].flatten(2, 3)

    def places(self, pages_B: Tensor) -> Tensor:
        """Positions of the heads of the given pages (H,), an argument of `write`."""
        slots_B, page_B = pages_B // self._pages_per_slot, pages_B % self._pages_per_slot
        first_B = slots_B * len(self._heads_N) * self._pages_per_slot + page_B
        return (first_B[:, None] + self._heads_N).flatten().clamp(max=self._nowhere)

    def write(self, layer: int, places_H: Tensor, rows_BNPK: Tensor) -> None:
        """Row i is written to page i of the pages that `places_H` was made of."""
        rows_HPK = rows_BNPK.flatten(0, 1).to(self._places.dtype)
        self._places[layer].index_copy_(0, places_H, rows_HPK)
