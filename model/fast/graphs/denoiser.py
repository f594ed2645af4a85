"""Transformer and sampler as a computation over static buffers, ready for capture.

The plan stays outside: the rows of a pass are written to buffers, then the pass is called. Without
a GPU the same buffers and the same computation run uncaptured, so a CPU tests the contents of a
graph. Shape letters: R rows of a pass, B positions in a pass (padding included), C h w latent
channels, rows, columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.cache.kv_cache import KVCache
from model.cache.page_table import Placement
from model.cache.transfer import send
from model.fast.graphs.capture import Capture, Compute
from model.fast.graphs.inputs import RowInputs
from model.fast.graphs.shapes import Sizes, in_parts, prepared_sizes, sub_batch_widths
from model.fast.sub_batches.attention import SubBatchAttention
from model.fast.sub_batches.context_attention import ContextAttention
from model.fast.sub_batches.layout import BatchLayout, SlotMapping, lay_out
from model.nfd.transformer import NFDTransformer, Previous
from model.precision import computing_in
from model.sampling.sampler import Sampler
from model.world import Precision


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Denoising:
    """The computation itself: a denoise step of every row, keys and values left in the store."""

    transformer: NFDTransformer
    store: KVCache
    sampler: Sampler
    attend: ContextAttention
    precision: Precision

    def __call__(self, rows: RowInputs, mapping_BI: Tensor, sizes: Sizes) -> Tensor:
        """Rows after the step (B, C, h, w). No value of a tensor is looked at."""
        rope = self.transformer.rope
        with computing_in(self.precision, rows.t_B.device, is_captured=True):
            direction_B1Chw = self.transformer(
                rows.latents_BChw[:, None],
                rows.t_B[:, None],
                rows.actions_BA[:, None],
                rows.positions_B[:, None],
                Previous(rows.previous_BChw, rows.previous_t_B),
                SubBatchAttention(self.store, mapping_BI, sizes, rope, self.attend),
            )
        return self.sampler.advance(
            rows.latents_BChw,
            direction_B1Chw[:, 0].float(),
            rows.t_B,
            rows.next_t_B,
            lambda: rows.noise_BChw,
        )


class Denoiser:
    """Owns buffers for every shape of a pass, and the buffers' graphs, if any: after construction,
    nothing is compiled or captured for a pass."""

    def __init__(
        self,
        compute: Denoising,
        numbers: SlotMapping,
        capture: Capture,
        *,
        max_sub_batches: int,
    ) -> None:
        """Prepares all shapes of up to `max_sub_batches` sub-batches."""
        self._compute = compute
        self._numbers = numbers
        self._max_sub_batches = max_sub_batches
        self._widths = sub_batch_widths(numbers.num_slots)
        self._device = compute.transformer.embed.weight.device
        shapes = prepared_sizes(self._widths, max_sub_batches)
        self._passes = {sizes: self._prepare(sizes, capture) for sizes in shapes}

    @property
    def num_shapes(self) -> int:
        return len(self._passes)

    def __call__(self, placements: Sequence[Placement], rows: RowInputs) -> Tensor:
        """Rows after the step (R, C, h, w), in the order of the plan. A plan with more sub-batches
        than are prepared, as for a session in prefill, is computed in parts."""
        parts = in_parts(placements, self._max_sub_batches)
        if len(parts) == 1:
            return self._step(placements, rows)
        x_RChw = torch.empty_like(rows.latents_BChw)
        for part in parts:
            numbers_P = self._send(part)
            stepped = self._step([placements[row] for row in part], rows.pick(numbers_P))
            x_RChw.index_copy_(0, numbers_P, stepped)
        return x_RChw

    def _step(self, placements: Sequence[Placement], rows: RowInputs) -> Tensor:
        layout = lay_out(placements, self._widths)
        static = self._passes[layout.sizes]
        places_R = self._send([layout.position_of[row] for row in range(len(placements))])
        static.rows.put(places_R, rows)
        static.mapping_BI.copy_(self._numbers_of(placements, layout))
        return static.run().index_select(0, places_R)

    def _prepare(self, sizes: Sizes, capture: Capture) -> "_StaticPass":
        config = self._compute.transformer.config
        rows = RowInputs.zeros(config, num_rows=sum(sizes), device=self._device)
        mapping_BI = torch.tensor([self._numbers.padding] * sum(sizes), device=self._device)

        def run() -> Tensor:
            return self._compute(rows, mapping_BI, sizes)

        return _StaticPass(rows=rows, mapping_BI=mapping_BI, run=capture(run))

    def _numbers_of(self, placements: Sequence[Placement], layout: BatchLayout) -> Tensor:
        return self._send(
            [
                self._numbers.padding if row is None else self._numbers.of(placements[row])
                for row in layout.order
            ]
        )

    def _send(self, integers: Sequence[object]) -> Tensor:
        return send(torch.tensor(integers, dtype=torch.int64), self._device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _StaticPass:
    rows: RowInputs
    mapping_BI: Tensor
    run: Compute
