"""What queries meet when keys and values live in the store: the engine's side of `Attend`.

Shape letters: B rows of a pass, N heads, S tokens of the pass, K head size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.attention.row import RowAttention
from model.cache.kv_cache import KVCache
from model.cache.page_table import Placement
from model.layers.rope import RotaryEmbedding, Rotation


class PagedAttention:
    """A frame per row; a row attends to the pages of its own session only.

    A row writes the keys and values of its frame into the frame's page, then attends. Rows are
    computed one after the other on views of the pool. Nothing is masked, contexts may differ in
    length, and no row's arithmetic depends on another row. Pages are gathered only where a
    shortened context wraps around the end of the ring.

    Several rows may be frames of the same session, in order. In each layer, a later row attends to
    the pages of the earlier rows, and may overwrite a page that only the earlier rows needed,
    because the layer has finished the earlier rows. A pass may therefore cache a finished frame and
    begin the next frame, and a prefill is a pass with many rows. Rows beyond the placements are
    padding.
    """

    def __init__(
        self,
        store: KVCache,
        placements: Sequence[Placement],
        rope: RotaryEmbedding,
        *,
        attend: RowAttention = F.scaled_dot_product_attention,
        num_silent: int = 0,
    ) -> None:
        """The first `num_silent` rows only write keys and values; in the last layer these rows do
        not attend."""
        self._attend = attend
        self._num_silent = num_silent
        shifts = [rope.shift(p.sink_shift) if p.num_sinks else None for p in placements]
        self._rows = [
            [_Row.of(store, layer, p, shift) for p, shift in zip(placements, shifts, strict=True)]
            for layer in range(store.num_layers)
        ]

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        batch, heads, tokens, size = q_BNSK.shape
        mixed_BNSK = q_BNSK.new_zeros(batch, tokens, heads, size).transpose(1, 2)
        is_last = layer == len(self._rows) - 1
        for number, row in enumerate(self._rows[layer]):
            row.write(k_BNSK[number], v_BNSK[number])
            if not (is_last and number < self._num_silent):
                one = slice(number, number + 1)
                mixed_BNSK[one] = self._attend(q_BNSK[one], *row.seen())
        return mixed_BNSK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Row:
    """Views of the pool for one frame in one layer."""

    keys: Tensor
    values: Tensor
    seen_keys: tuple[Tensor, ...]  # in stretches
    seen_values: tuple[Tensor, ...]
    kept_keys: Tensor | None  # of its own frame, if that is to be a sink
    sinks: "_Sinks | None"

    @classmethod
    def of(cls, store: KVCache, layer: int, where: Placement, shift: Rotation | None) -> "_Row":
        slot, page = where.slot, where.page
        sinks = None
        if shift is not None:
            written = store.sinks.pages(layer, slot, range(where.num_sinks))
            shown = store.keys.pages(layer, slot, range(where.num_sinks))
            sinks = _Sinks(written=written, shown=shown, shift=shift)
        return cls(
            keys=store.keys.page(layer, slot, page),
            values=store.values.page(layer, slot, page),
            seen_keys=tuple(store.keys.pages(layer, slot, pages) for pages in where.seen),
            seen_values=tuple(store.values.pages(layer, slot, pages) for pages in where.seen),
            kept_keys=store.sinks.page(layer, slot, page) if page < store.num_sinks else None,
            sinks=sinks,
        )

    def write(self, keys_NPK: Tensor, values_NPK: Tensor) -> None:
        self.keys.copy_(keys_NPK)
        self.values.copy_(values_NPK)
        if self.kept_keys is not None:
            self.kept_keys.copy_(keys_NPK)
        if self.sinks is not None:
            self.sinks.show()

    def seen(self) -> tuple[Tensor, Tensor]:
        """Present keys and values (1, N, S, K)."""
        return _together(self.seen_keys), _together(self.seen_values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sinks:
    """Sink keys (1, N, S, K) as written, and the pages where a row meets them."""

    written: Tensor
    shown: Tensor
    shift: Rotation

    def show(self) -> None:
        self.shown.copy_(self.shift.apply(self.written))


def _together(stretches: tuple[Tensor, ...]) -> Tensor:
    return stretches[0] if len(stretches) == 1 else torch.cat(stretches, dim=2)
