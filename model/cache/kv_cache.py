"""Keys and values of every page of every session. Tensors only; decides nothing."""

from torch import Tensor

from model.cache.kv_pool import KVPool
from model.nfd.transformer import NFDConfig


class KVCache:
    """Owns a pool of keys, a pool of values and a pool of sink keys. Keys are stored rotated. Keys
    of the first `num_sinks` pages are also kept in `sinks` as first written: in their pages, sink
    keys are rotated anew for each frame that attends to the sinks."""

    def __init__(
        self,
        config: NFDConfig,
        *,
        num_slots: int,
        pages_per_slot: int,
        num_sinks: int = 0,
        like: Tensor,
    ) -> None:
        """Device and dtype are taken from `like`."""
        self.num_layers = config.num_layers
        self.num_sinks = num_sinks
        self.keys, self.values, self.sinks = (
            KVPool(config, num_slots=num_slots, pages_per_slot=num_pages, like=like)
            for num_pages in (pages_per_slot, pages_per_slot, num_sinks)
        )
