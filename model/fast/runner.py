"""The plain runner's passes in forms that suit a GPU. Decides nothing. Frames equal the plain
runner's up to rounding.

Shape letters: R rows of a pass, D rows that draw, C h w latent channels, rows, columns.
"""

import logging
import time
from functools import lru_cache, partial
from typing import ClassVar

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.cache.frame_store import FrameRows
from model.engine.running.runner import MakeRunner, NFDRunner
from model.engine.types import PassPlan, PassResult
from model.fast.blocks.compiled import CompileCache
from model.fast.graphs.capture import GraphPool, uncaptured
from model.fast.graphs.decoder import Decoder
from model.fast.graphs.denoiser import Denoiser, Denoising
from model.fast.graphs.inputs import RowInputs
from model.fast.graphs.shapes import MAX_SUB_BATCHES, sub_batch_widths
from model.fast.images.async_decoder import AsyncDecoder
from model.fast.paths import FastPaths
from model.fast.sub_batches.layout import SlotMapping
from model.sampling.noise import draw_noise
from model.span import span
from model.world import World

log = logging.getLogger(__name__)

_NOISE_PER_SLOT = 8  # draws that are kept: those of a frame and of the next


class FastRunner(NFDRunner):
    """Owns the prepared form of every pass that can be planned: construction prepares all."""

    # What a captured pass attends over is a length in a buffer: one contiguous range of pages.
    can_shorten_context: ClassVar[bool] = False

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
        """Moves the world's networks to `device`."""
        super().__init__(
            world,
            num_slots=num_slots,
            pages_per_slot=pages_per_slot,
            num_sinks=num_sinks,
            max_drafts=max_drafts,
            device=device,
            # One draw costs up to 0.1 ms of a core, and many sessions want one at once.
            draw=lru_cache(maxsize=_NOISE_PER_SLOT * num_slots)(draw_noise),
        )
        compute = Denoising(
            transformer=paths.transformer(self._transformer),
            store=self._kv,
            sampler=self._sampler,
            attend=paths.attention(world.precision),
            precision=world.precision,
        )
        numbers = SlotMapping(
            num_slots=num_slots,
            pages_per_slot=pages_per_slot,
            num_sinks=num_sinks,
            tokens_per_frame=self._config.tokens_per_frame,
        )
        cache = CompileCache(paths.compile_cache) if paths.compile_cache else None
        if cache is not None:
            cache.load()
        # A pool each: an image may be decoded while the next pass runs.
        captures = [GraphPool(device).capture if paths.graphs else uncaptured for _ in range(2)]
        max_sub_batches, widths = min(1 + max_drafts, MAX_SUB_BATCHES), sub_batch_widths(num_slots)
        started_s = self._now_s()
        with torch.inference_mode():
            self._denoiser = Denoiser(
                compute, numbers, captures[0], max_sub_batches=max_sub_batches
            )
            self._decoder = Decoder(
                self._tokenizer,
                widths,
                self._plan_tensors.cell,
                precision=world.precision,
                device=device,
                capture=captures[1],
            )
        self._async_decoder = AsyncDecoder(self._decoder, device) if paths.beside else None
        if cache is not None:
            cache.save()
        log.info(
            "passes prepared",
            extra={
                "num_shapes": self._denoiser.num_shapes,
                "max_sub_batches": max_sub_batches,
                "widths": widths,
                "forms": paths.forms,
                "s": round(self._now_s() - started_s, 1),
            },
        )

    @torch.inference_mode()
    def run(self, plan: PassPlan) -> PassResult:
        """With asynchronous decoding, images may be unfinished on return; `decode_s` is the time of
        the newest finished decoding."""
        if self._async_decoder is None:
            return super().run(plan)
        started_s = time.perf_counter()
        with span("begin"):
            rows_D = self._begin(plan.drawn)
        with span("denoise"):
            x_DChw = self._denoise(plan, rows_D)
        with span("decode"):
            images = (
                self._async_decoder.decode(x_DChw[self._plan_tensors.last(plan)])
                if plan.finished
                else ()
            )
        with span("store"):
            finite_B = self._store(plan, rows_D, x_DChw)
        denoise_s = self._now_s() - started_s
        return PassResult(
            images=images,
            are_finite=self._read(finite_B),
            denoise_s=denoise_s,
            decode_s=self._async_decoder.decode_s if plan.finished else 0.0,
        )

    def _denoise(self, plan: PassPlan, rows_D: FrameRows) -> Tensor:
        placements, num_cached = plan.placements, len(plan.cached)
        rows_R = self._cached(plan).then(rows_D)
        previous = self._previous(plan, rows_D)
        stepped_RChw = self._denoiser(
            placements,
            RowInputs(
                latents_BChw=rows_R.latents_BChw,
                t_B=rows_R.t_B,
                actions_BA=rows_R.actions_BA,
                previous_BChw=previous.x_BChw,
                previous_t_B=previous.t_B,
                positions_B=self._plan_tensors.positions(placements),
                next_t_B=_behind(num_cached, self._plan_tensors.next_t(plan.drawn)),
                noise_BChw=_behind(num_cached, self._plan_tensors.next_noise(plan.drawn)),
            ),
        )
        self._foresee(plan)
        return stepped_RChw[num_cached:]

    def _foresee(self, plan: PassPlan) -> None:
        """Draws the noise of the next passes while the device is busy."""
        for row in plan.drawn:
            frame_idx = row.placement.frame_idx
            if row.is_last:
                for denoise_step in range(min(2, row.request.num_steps)):
                    self._plan_tensors.draw(row.seed, frame_idx + 1, denoise_step)
            elif row.denoise_step + 2 < row.request.num_steps:
                self._plan_tensors.draw(row.seed, frame_idx, row.denoise_step + 2)

    def _decode(self, x_BChw: Tensor, decode_size: int) -> Tensor:
        return self._decoder(x_BChw)


def runner_of(paths: FastPaths | None) -> MakeRunner:
    """Makes runners in these forms; None: plain runners."""
    return NFDRunner if paths is None else partial(FastRunner, paths=paths)


def _behind(num_rows: int, rows: Tensor) -> Tensor:
    """With zero rows in front."""
    return nnf.pad(rows, (0, 0) * (rows.ndim - 1) + (num_rows, 0))
