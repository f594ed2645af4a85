"""Plans to images: all tensors of serving, and no decisions. Knows no sessions, only slots.

Shape letters: B rows of a pass (padding included), R rows that cache, D rows that draw, C h w
latent channels, rows, columns, A action size, H W pixels.
"""

import time
from collections.abc import Sequence
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.cache.attend import PagedAttention
from model.cache.frame_store import ContextClip, FrameRows, FrameStore
from model.cache.kv_cache import KVCache
from model.cache.page_table import Placement
from model.engine.image import ready_images
from model.engine.running.plan_tensors import Draw, PlanTensors
from model.engine.types import DrawnFrame, PassPlan, PassResult
from model.int8.serving import context_attention
from model.nfd.transformer import Previous
from model.place.views import Views
from model.precision import computing_in
from model.sampling.noise import CONTEXT_STEP, draw_noise
from model.sampling.sampler import make_sampler
from model.sampling.trigflow import diffuse
from model.span import span
from model.tokenizer.vae import uint8_from_pixels
from model.world import World

_NONE_FINISHED = torch.empty(0, dtype=torch.bool)


class Runner(Protocol):
    """Runs plans. Owns all tensors on the device; not safe for several threads.

    `can_shorten_context`: a row may attend to fewer pages than the session keeps.
    """

    can_shorten_context: ClassVar[bool]

    def load(self, slot: int, clip: ContextClip) -> None:
        """The clip's frames are in pages 0, 1, ... of the slot, to be cached by passes."""
        ...

    def run(self, plan: PassPlan) -> PassResult:
        """Runs a pass. Touches only pages of the plan's rows. A pass that raised may be run again,
        except for sessions with several rows in the plan: such sessions must be loaded anew."""
        ...

    def keep_draft(self, placement: Placement, branch: int) -> None:
        """The finished draft of the branch becomes the session's newest frame."""
        ...

    def read_context(self, slot: int, pages: Sequence[int]) -> ContextClip:
        """A copy of the given pages, on the CPU."""
        ...


class MakeRunner(Protocol):
    """A runner class or a function that makes runners: moves the world's networks to `device` and
    allocates memory for `num_slots` sessions."""

    def __call__(
        self,
        world: World,
        *,
        num_slots: int,
        pages_per_slot: int,
        num_sinks: int,
        max_drafts: int,
        device: torch.device,
    ) -> Runner: ...


class NFDRunner:
    """Next-Frame Diffusion over the cache. A finished frame's latents are stored at once, the
    frame's keys and values when a later pass caches the frame. Cached frames carry a small noise,
    as contexts did in training: a generated history is imperfect."""

    can_shorten_context: ClassVar[bool] = True

    def __init__(
        self,
        world: World,
        *,
        num_slots: int,
        pages_per_slot: int,
        num_sinks: int = 0,
        max_drafts: int = 1,
        device: torch.device,
        draw: Draw | None = None,
    ) -> None:
        """Moves the world's networks to `device`. `draw`: another way to the same noise."""
        config, spec = world.spec.nfd, world.spec.sampler
        self._config = config
        self._context_t = spec.context_t
        self._sampler = make_sampler(spec.kind)
        self._transformer = world.transformer.to(device)
        self._tokenizer = world.tokenizer.to(device)
        self._device = device
        self._plan_tensors = PlanTensors(world.spec, device, draw or draw_noise)
        self._precision = world.precision
        like = self._transformer.embed.weight
        kept_in, self._attend = context_attention(world.precision, like.dtype)
        self._kv = KVCache(
            config,
            num_slots=num_slots,
            pages_per_slot=pages_per_slot,
            num_sinks=num_sinks,
            like=like.to(kept_in),
        )
        # Finished drafts wait in pages of their own: their keys are not needed any more. Latents
        # stay fp32 whatever the weights are: they are few, and errors in them stay.
        self._first_draft_page = pages_per_slot
        self._frames = FrameStore(
            config,
            num_slots=num_slots,
            pages_per_slot=pages_per_slot + max_drafts,
            like=like.float(),
        )
        # A new frame's view is asked for in its first pass and when it is cached.
        branches = pages_per_slot + max_drafts
        has_place = config.place is not None
        self._views = Views(self._transformer, num_slots * branches) if has_place else None
        self._no_pixels = torch.empty(0, world.spec.height, world.spec.width, 3, dtype=torch.uint8)
        # By slot and branch: frames between their denoise steps.
        self._drawn = torch.zeros(num_slots, max_drafts, *self._plan_tensors.cell, device=device)

    @torch.inference_mode()
    def load(self, slot: int, clip: ContextClip) -> None:
        rows = FrameRows(
            latents_BChw=clip.latents_FChw.to(self._device, self._frames.dtype),
            t_B=clip.t_F.to(self._device),
            actions_BA=clip.actions_FA.to(self._device),
        )
        self._frames.write([slot] * len(clip), range(len(clip)), rows)

    @torch.inference_mode()
    def keep_draft(self, placement: Placement, branch: int) -> None:
        draft = self._frames.rows([placement.slot], [self._first_draft_page + branch])
        self._frames.write([placement.slot], [placement.page], draft)

    @torch.inference_mode()
    def read_context(self, slot: int, pages: Sequence[int]) -> ContextClip:
        return self._frames.read(slot, pages)

    @torch.inference_mode()
    def run(self, plan: PassPlan) -> PassResult:
        started_s = self._now_s()
        with span("begin"):
            rows_D = self._begin(plan.drawn)
        with span("denoise"), computing_in(self._precision, self._device):
            x_DChw = self._denoise(plan, rows_D)
        denoised_s = self._now_s()
        pixels_BHWC = self._no_pixels
        if plan.finished:
            with span("decode"), computing_in(self._precision, self._device):
                pixels_BHWC = self._decode(x_DChw[self._plan_tensors.last(plan)], plan.decode_size)
        decoded_s = self._now_s()
        with span("store"):
            finite_B = self._store(plan, rows_D, x_DChw)
        return PassResult(
            images=ready_images(pixels_BHWC.cpu().numpy()),
            are_finite=self._read(finite_B),
            denoise_s=denoised_s - started_s,
            decode_s=decoded_s - denoised_s,
        )

    def _begin(self, drawn: Sequence[DrawnFrame]) -> FrameRows:
        """The drawn rows as they are before the pass: fresh noise, or what the last pass left."""
        x_DChw = self._drawn[self._plan_tensors.places(drawn)]
        beginning = [row for row in drawn if row.denoise_step == 0]
        if beginning:
            x_DChw[self._plan_tensors.fresh(drawn)] = self._plan_tensors.noise(
                beginning, [0] * len(beginning)
            )
        return FrameRows(
            latents_BChw=x_DChw,
            t_B=self._plan_tensors.t(drawn),
            actions_BA=self._plan_tensors.actions(drawn),
        )

    def _denoise(self, plan: PassPlan, rows_D: FrameRows) -> Tensor:
        """The drawn rows after the pass (D, C, h, w); all rows leave their keys."""
        return self._advance(plan.drawn, rows_D, self._predict(plan, rows_D))

    def _predict(self, plan: PassPlan, rows_D: FrameRows) -> Tensor:
        """Directions (D, C, h, w) of the drawn rows. The others only leave their keys."""
        placements = plan.placements
        rows_B = self._cached(plan).then(rows_D).padded(plan.batch_size)
        previous = self._previous(plan, rows_D)
        missing = plan.batch_size - len(placements)
        directions_B1Chw = self._transformer(
            rows_B.latents_BChw[:, None],
            rows_B.t_B[:, None],
            rows_B.actions_BA[:, None],
            self._plan_tensors.positions(placements, missing)[:, None],
            Previous(_pad(previous.x_BChw, missing), _pad(previous.t_B, missing)),
            PagedAttention(
                self._kv,
                placements,
                self._transformer.rope,
                attend=self._attend,
                num_silent=len(plan.cached),
            ),
            self._views.of(rows_B.actions_BA)[:, None] if self._views else None,
        )
        directions_DChw: Tensor = directions_B1Chw[len(plan.cached) : len(placements), 0]
        return directions_DChw

    def _cached(self, plan: PassPlan) -> FrameRows:
        placements = [row.placement for row in plan.cached]
        return self._frames.rows([p.slot for p in placements], [p.page for p in placements])

    def _previous(self, plan: PassPlan, rows_D: FrameRows) -> Previous:
        """What the transformer is shown of the frame before each row. A joint row's is in this
        pass, too: no cleaner than it is by now."""
        placements = plan.placements
        previous = self._frames.previous(
            [p.slot for p in placements], [p.previous_page for p in placements]
        )
        for number, leader in _joint_rows(plan.drawn):
            row = len(plan.cached) + number
            previous.x_BChw[row] = rows_D.latents_BChw[leader]
            previous.t_B[row] = rows_D.t_B[leader]
        return previous

    def _advance(
        self, drawn: Sequence[DrawnFrame], rows_D: FrameRows, direction_DChw: Tensor
    ) -> Tensor:
        """The drawn rows after the pass: each at the next of its own times; clean at time 0."""
        return self._sampler.advance(
            rows_D.latents_BChw,
            direction_DChw,
            rows_D.t_B,
            self._plan_tensors.next_t(drawn),
            lambda: self._plan_tensors.next_noise(drawn),
        )

    def _decode(self, x_BChw: Tensor, decode_size: int) -> Tensor:
        """Images (B, H, W, 3) uint8 of clean latents."""
        padded = _pad(x_BChw, decode_size - len(x_BChw))
        return uint8_from_pixels(self._tokenizer.decode(padded))[: len(x_BChw)]

    def _store(self, plan: PassPlan, rows_D: FrameRows, x_DChw: Tensor) -> Tensor:
        """Leaves what the next passes go on from. Returns, for each frame that is finished now,
        whether its latents are finite numbers (B,) bool; on the device, so that nobody waits."""
        self._drawn[self._plan_tensors.places(plan.drawn)] = x_DChw
        if not plan.finished:
            return _NONE_FINISHED
        last = self._plan_tensors.last(plan)
        x_BChw = x_DChw[last]
        self._finish(plan.finished, x_BChw, rows_D.actions_BA[last])
        # A sum of latents is finite when they all are: they are far too small to overflow.
        return x_BChw.flatten(1).sum(1).isfinite()

    def _finish(self, finished: Sequence[DrawnFrame], x_BChw: Tensor, actions_BA: Tensor) -> None:
        """Leaves the frames in their pages as contexts hold them, drafts in pages of theirs."""
        t_B = torch.full((len(finished),), self._context_t, device=self._device)
        noise_BChw = self._plan_tensors.noise(finished, [CONTEXT_STEP] * len(finished))
        rows = FrameRows(
            latents_BChw=diffuse(x_BChw, noise_BChw, t_B), t_B=t_B, actions_BA=actions_BA
        )
        pages = [
            self._first_draft_page + row.branch if row.is_draft else row.placement.page
            for row in finished
        ]
        self._frames.write([row.placement.slot for row in finished], pages, rows)

    def _read(self, finite_B: Tensor) -> Sequence[bool]:
        """For the host, which has waited for the pass by now: for its images, or its end."""
        flags: list[bool] = finite_B.tolist()
        return flags

    def _now_s(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        return time.perf_counter()


def _joint_rows(drawn: Sequence[DrawnFrame]) -> list[tuple[int, int]]:
    """The joint ones of these rows, each with the row of the frame just before it."""
    if not any(row.is_joint for row in drawn):
        return []
    row_at = {(row.placement.slot, row.placement.page): number for number, row in enumerate(drawn)}
    return [
        (number, row_at[row.placement.slot, row.placement.previous_page])
        for number, row in enumerate(drawn)
        if row.is_joint and row.placement.previous_page is not None
    ]


def _pad(rows: Tensor, missing: int) -> Tensor:
    """Zero rows behind."""
    return nnf.pad(rows, (0, 0) * (rows.ndim - 1) + (0, missing))
