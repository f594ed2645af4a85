"""The engine's side of `Attend` in a few large calls: for devices that a loop over rows would leave
idle.

`model.cache.attend` is the plain form, row by row, because several rows may be frames of the same
session. Here the first rows of all sessions are a sub-batch, their second rows the next. All values
that differ between passes of the same shape are in tensors, so a pass may be captured. Shape
letters: B rows of a pass or sub-batch, P = S tokens of a row, N heads, K head size, M sinks, H = B
* N.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.cache.kv_cache import KVCache
from model.fast.sub_batches.context_attention import ContextAttention
from model.fast.sub_batches.layout import NUM_FIELDS
from model.layers.rope import RotaryEmbedding, Rotation


class SubBatchAttention:
    """Rows in the order of sub-batches, `sizes[i]` rows in sub-batch i. A sub-batch writes its
    pages, then attends; no two rows of a sub-batch are of the same session."""

    def __init__(
        self,
        store: KVCache,
        mapping_BI: Tensor,
        sizes: Sequence[int],
        rope: RotaryEmbedding,
        attend: ContextAttention,
    ) -> None:
        """`mapping_BI`: int64, rows of `model.fast.sub_batches.layout.SlotMapping`."""
        self._sub_batches = [
            _SubBatch(store, rows, rope, attend) for rows in torch.split(mapping_BI, list(sizes))
        ]
        self._sizes = list(sizes)

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        parts = (torch.split(x_BNSK, self._sizes) for x_BNSK in (q_BNSK, k_BNSK, v_BNSK))
        mixed = [part(layer, *rows) for part, *rows in zip(self._sub_batches, *parts, strict=True)]
        return torch.cat(mixed)


class _SubBatch:
    """Where the rows of one sub-batch are written and what they see."""

    def __init__(
        self, store: KVCache, mapping_BI: Tensor, rope: RotaryEmbedding, attend: ContextAttention
    ) -> None:
        self._store = store
        self._attend = attend
        page_B, sink_B, self._slot_B, self._length_B, shift_B = mapping_BI[:, :NUM_FIELDS].unbind(1)
        self._written_H = store.keys.places(page_B)
        self._sinks = None
        if store.num_sinks:
            self._sinks = _Sinks(
                kept_H=store.sinks.places(sink_B),
                shown_H=store.keys.places(mapping_BI[:, NUM_FIELDS:].flatten()),
                shift=rope.shifts(shift_B),
            )

    def __call__(self, layer: int, q_BNPK: Tensor, k_BNPK: Tensor, v_BNPK: Tensor) -> Tensor:
        store = self._store
        store.keys.write(layer, self._written_H, k_BNPK)
        store.values.write(layer, self._written_H, v_BNPK)
        if self._sinks is not None:
            store.sinks.write(layer, self._sinks.kept_H, k_BNPK)
            kept_BNSK = store.sinks.layer(layer).index_select(0, self._slot_B)
            rotated_BNSK = self._sinks.shift.apply(kept_BNSK)
            rotated_BMNPK = torch.stack(rotated_BNSK.chunk(store.num_sinks, dim=2), dim=1)
            store.keys.write(layer, self._sinks.shown_H, rotated_BMNPK.flatten(0, 1))
        keys, values = store.keys.layer(layer), store.values.layer(layer)
        return self._attend(q_BNPK, keys, values, self._slot_B, self._length_B)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sinks:
    """Where a sub-batch keeps sink keys, where it writes the rotated ones, and each row's
    rotation."""

    kept_H: Tensor
    shown_H: Tensor
    shift: Rotation
