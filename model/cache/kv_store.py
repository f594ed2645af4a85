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

    Pages are also numbered through, slot after slot, for those who write many at once; a last one
    belongs to no slot, and padding is written there. So are the sinks.
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
        num_pages, all_sinks = num_slots * pages_per_slot, num_slots * num_sinks
        self._all_keys = like.new_zeros(config.num_layers, num_pages + 1, *page)
        self._all_values = torch.zeros_like(self._all_keys)
        self._all_sinks = like.new_zeros(config.num_layers, all_sinks + 1, *page)
        pages = (config.num_layers, num_slots, pages_per_slot, *page)
        self._keys = self._all_keys[:, :-1].view(pages)
        self._values = self._all_values[:, :-1].view(pages)
        self._sinks = self._all_sinks[:, :-1].view(config.num_layers, num_slots, num_sinks, *page)

    @property
    def nbytes(self) -> int:
        return self._all_keys.nbytes + self._all_values.nbytes + self._all_sinks.nbytes

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

    def slab(self, layer: int) -> tuple[Tensor, Tensor]:
        """Views (slots, S, N, K) of all keys and values of one layer."""
        return self._keys[layer].flatten(1, 2), self._values[layer].flatten(1, 2)

    def write(self, layer: int, pages_B: Tensor, keys_BPNK: Tensor, values_BPNK: Tensor) -> None:
        """Row i goes to page number `pages_B[i]`."""
        self._all_keys[layer].index_copy_(0, pages_B, keys_BPNK.to(self._all_keys.dtype))
        self._all_values[layer].index_copy_(0, pages_B, values_BPNK.to(self._all_values.dtype))

    def keep_sinks(self, layer: int, sinks_B: Tensor, keys_BPNK: Tensor) -> None:
        """Row i is kept as it was written as sink number `sinks_B[i]`."""
        self._all_sinks[layer].index_copy_(0, sinks_B, keys_BPNK.to(self._all_sinks.dtype))

    def show_sinks(self, layer: int, pages_M: Tensor, keys_MPNK: Tensor) -> None:
        """Turned sink i is met at page number `pages_M[i]`."""
        self._all_keys[layer].index_copy_(0, pages_M, keys_MPNK.to(self._all_keys.dtype))

    def kept_sinks(self, layer: int, slots_B: Tensor) -> Tensor:
        """A copy (B, sinks, P, N, K) of the sinks of these slots as they were written."""
        return self._sinks[layer].index_select(0, slots_B)
