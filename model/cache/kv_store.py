"""Keys and values of every page: the one slab that sessions live in. Tensors only; decides nothing.

Shape letters: L layers, P tokens per frame, S = pages * P, N heads, K head size.
"""

import torch
from torch import Tensor

from model.nfd.transformer import NFDConfig


class KVStore:
    """Owns two slabs [L, slots, pages, P, N, K], allocated once. Keys are stored rotated.

    Keys of the first `num_sinks` pages are also kept as they were written: what the pages show
    of a sink turns with the frame that looks.
    """

    def __init__(
        self,
        config: NFDConfig,
        *,
        num_slots: int,
        pages_per_slot: int,
        num_sinks: int = 0,
        like: Tensor,
    ) -> None:
        """Device and dtype are those of `like`."""
        page = (config.tokens_per_frame, config.num_heads, config.head_size)
        self.num_layers = config.num_layers
        self.tokens_per_frame = config.tokens_per_frame
        self.num_sinks = num_sinks
        self._keys = like.new_zeros(config.num_layers, num_slots, pages_per_slot, *page)
        self._values = torch.zeros_like(self._keys)
        self._sinks = like.new_zeros(config.num_layers, num_slots, num_sinks, *page)

    @property
    def nbytes(self) -> int:
        return self._keys.nbytes + self._values.nbytes + self._sinks.nbytes

    def page(self, layer: int, slot: int, page: int) -> tuple[Tensor, Tensor]:
        """Views (N, P, K) of one page's keys and values."""
        keys, values = self._keys[layer, slot, page], self._values[layer, slot, page]
        return keys.transpose(0, 1), values.transpose(0, 1)

    def pages(self, layer: int, slot: int, num_pages: int) -> tuple[Tensor, Tensor]:
        """Views (1, N, S, K) of pages 0 .. num_pages - 1, as one batch row of attention."""
        keys = self._keys[layer, slot, :num_pages].flatten(0, 1)
        values = self._values[layer, slot, :num_pages].flatten(0, 1)
        return keys.transpose(0, 1)[None], values.transpose(0, 1)[None]

    def sink_keys(self, layer: int, slot: int, num_sinks: int) -> Tensor:
        """View (N, S, K) of the keys of sinks 0 .. num_sinks - 1 as they were written."""
        return self._sinks[layer, slot, :num_sinks].flatten(0, 1).transpose(0, 1)
