"""Keys and values of every page: the slabs that sessions live in. Tensors only; decides nothing."""

from torch import Tensor

from model.cache.slab import Slab
from model.nfd.transformer import NFDConfig


class KVStore:
    """Owns the slabs. Keys are stored rotated. Those of the first `num_sinks` pages are also kept
    in `sinks` as they were written: what the pages show of a sink turns with the frame that looks.
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
        self.num_layers = config.num_layers
        self.num_sinks = num_sinks
        self.keys, self.values, self.sinks = (
            Slab(config, num_slots=num_slots, pages_per_slot=num_pages, like=like)
            for num_pages in (pages_per_slot, pages_per_slot, num_sinks)
        )

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes + self.sinks.nbytes
