"""The plain runner's work in the forms that suit a GPU. Decides nothing, like the plain one, whose
frames it draws up to rounding.

Shape letters: R rows of a pass, D rows that draw, C h w latent channels, rows, columns.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.cache.frame_store import FrameRows
from model.cache.places import PlaceNumbers
from model.engine.runner import NFDRunner
from model.engine.types import PassPlan
from model.fast.blocks.compiled import CompileCache
from model.fast.graphs.capture import GraphPool
from model.fast.graphs.denoiser import Denoiser, Denoising
from model.fast.graphs.inputs import RowInputs
from model.fast.paths import FastPaths
from model.fast.precision import computing_in, convert
from model.world import World


class FastRunner(NFDRunner):
    """Owns what it prepares for the passes that are common; they are ready once it is made."""

    def __init__(
        self,
        world: World,
        *,
        paths: FastPaths,
        num_slots: int,
        pages_per_slot: int,
        num_sinks: int = 0,
        max_drafts: int = 1,
        device: torch.device,
    ) -> None:
        """Moves the world's networks to `device` and converts their weights."""
        super().__init__(
            convert(world, paths.dtype),
            num_slots=num_slots,
            pages_per_slot=pages_per_slot,
            num_sinks=num_sinks,
            max_drafts=max_drafts,
            device=device,
        )
        self._paths = paths
        compute = Denoising(
            transformer=paths.transformer(self._transformer),
            store=self._kv,
            sampler=self._sampler,
            attend=paths.attention(),
            dtype=paths.dtype,
        )
        numbers = PlaceNumbers(
            num_slots=num_slots,
            pages_per_slot=pages_per_slot,
            num_sinks=num_sinks,
            tokens_per_frame=self._config.tokens_per_frame,
        )
        cache = CompileCache(paths.compile_cache) if paths.compile_cache else None
        if cache is not None:
            cache.load()
        with torch.inference_mode():
            self._denoiser = Denoiser(compute, numbers, GraphPool(device) if paths.graphs else None)
        if cache is not None:
            cache.save()

    def _denoise(self, plan: PassPlan, rows_D: FrameRows) -> Tensor:
        placements, num_remembered = plan.placements, len(plan.remembered)
        rows_R = self._remembered(plan).then(rows_D)
        previous = self._previous(plan, rows_D)
        stepped_RChw = self._denoiser(
            placements,
            RowInputs(
                latents_BChw=rows_R.latents_BChw,
                t_B=rows_R.t_B,
                actions_BA=rows_R.actions_BA,
                previous_BChw=previous.x_BChw,
                previous_t_B=previous.t_B,
                positions_B=self._send(torch.tensor([p.frame_idx for p in placements])),
                next_t_B=_behind(num_remembered, self._next_t(plan.drawn)),
                noise_BChw=_behind(num_remembered, self._next_noise(plan.drawn)),
            ),
        )
        return stepped_RChw[num_remembered:]

    def _decode(self, x_BChw: Tensor, decode_size: int) -> Tensor:
        with computing_in(self._device, self._paths.dtype):
            return super()._decode(x_BChw, decode_size)


def _behind(num_rows: int, rows: Tensor) -> Tensor:
    """With zero rows in front."""
    return nnf.pad(rows, (0, 0) * (rows.ndim - 1) + (num_rows, 0))
