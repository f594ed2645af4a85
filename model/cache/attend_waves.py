"""The engine's side of `Attend` in a few large calls: for devices that are idle while a loop runs.

`model.cache.attend` is the obvious form. It goes row by row, because several rows may be frames of
one session; here the first frames of all sessions go together, then the second ones: waves.
Everything that differs between passes of one shape is in tensors, so a pass may be captured.
Shape letters: B rows of a pass or wave, P tokens of a row, N heads, K head size, M sinks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.attention.context import ContextAttention
from model.cache.kv_store import KVStore
from model.cache.places import NUM_FIELDS
from model.layers.rope import RotaryEmbedding


class WaveAttention:
    """Rows in the order of their waves, `sizes[i]` of them in the i-th. A wave writes its pages,
    then attends; no two of its rows are of one session."""

    def __init__(
        self,
        store: KVStore,
        places_BI: Tensor,
        sizes: Sequence[int],
        rope: RotaryEmbedding,
        attend: ContextAttention,
    ) -> None:
        """`places_BI`: int64, rows of `model.cache.places.PlaceNumbers`."""
        self._waves = [
            _Wave(store, rows, rope, attend) for rows in torch.split(places_BI, list(sizes))
        ]
        self._sizes = list(sizes)

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        parts = (torch.split(x.transpose(1, 2), self._sizes) for x in (q_BNSK, k_BNSK, v_BNSK))
        mixed = [wave(layer, *rows) for wave, *rows in zip(self._waves, *parts, strict=True)]
        return torch.cat(mixed).transpose(1, 2)


class _Wave:
    """Where the rows of one wave are written and what they see."""

    def __init__(
        self, store: KVStore, places_BI: Tensor, rope: RotaryEmbedding, attend: ContextAttention
    ) -> None:
        self._store = store
        self._attend = attend
        self._page_B, self._sink_B, self._slot_B, self._length_B, shift_B = places_BI[
            :, :NUM_FIELDS
        ].unbind(1)
        self._shown_M = places_BI[:, NUM_FIELDS:].flatten()
        self._turn = rope.shifts(shift_B) if store.num_sinks else None

    def __call__(self, layer: int, q_BPNK: Tensor, k_BPNK: Tensor, v_BPNK: Tensor) -> Tensor:
        store = self._store
        store.write(layer, self._page_B, k_BPNK, v_BPNK)
        if self._turn is not None:
            store.keep_sinks(layer, self._sink_B, k_BPNK)
            kept_BMPNK = store.kept_sinks(layer, self._slot_B)
            turned = self._turn.apply(kept_BMPNK.flatten(1, 2)).view_as(kept_BMPNK)
            store.show_sinks(layer, self._shown_M, turned.flatten(0, 1))
        return self._attend(q_BPNK, *store.slab(layer), self._slot_B, self._length_B)
