"""Plans to frames: all tensors of serving, and no decisions.

Shape letters: B rows of the batch (padding included), F frames, C h w latent channels, rows,
columns, A action size, H W pixels.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.attention.backend import Attend
from model.cache.attend import PrefillAttention, StepAttention
from model.cache.frame_store import ContextClip, FrameStore
from model.cache.kv_store import KVStore
from model.engine.types import Frame, PrefillPlan, StepPlan
from model.layers.rope import Rotation
from model.nfd.transformer import Previous
from model.sampling.noise import CONTEXT_STEP, draw_noise
from model.sampling.sampler import make_sampler
from model.sampling.trigflow import diffuse
from model.tokenizer.vae import uint8_from_pixels
from model.world import World


class Runner(Protocol):
    """Does what a plan says. Owns everything on the device; not safe for several threads."""

    def prefill(self, plan: PrefillPlan, clip: ContextClip) -> None:
        """Fills the plan's pages with the clip's frames; other slots are untouched."""
        ...

    def run(self, plan: StepPlan) -> list[Frame]:
        """One frame for each row of the plan, in its order. Touches the planned pages only."""
        ...

    def read_context(self, slot: int, pages: Sequence[int]) -> ContextClip:
        """A copy of what these pages hold, on the CPU."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepBatch:
    """A plan as tensors: what all passes of one step share."""

    actions_B1A: Tensor
    previous_BChw: Tensor
    modulations: tuple[Tensor, ...]  # of each denoise pass, then of the one that remembers
    rotation: Rotation
    attend: Attend


class NFDRunner:
    """Next-Frame Diffusion over the cache: a few denoise passes, then one that remembers."""

    def __init__(
        self, world: World, *, num_slots: int, pages_per_slot: int, device: torch.device
    ) -> None:
        """Moves the world's networks to `device`."""
        config = world.spec.nfd
        self._config = config
        self._spec = world.spec.sampler
        self._sampler = make_sampler(world.spec.sampler.kind)
        self._transformer = world.transformer.to(device)
        self._tokenizer = world.tokenizer.to(device)
        self._device = device
        like = self._transformer.embed.weight
        sizes = {"num_slots": num_slots, "pages_per_slot": pages_per_slot}
        self._kv = KVStore(config, **sizes, like=like)
        self._frames = FrameStore(config, **sizes, like=like)

    @property
    def cache_nbytes(self) -> int:
        """Bytes held for all slots, from the start."""
        return self._kv.nbytes + self._frames.nbytes

    @torch.inference_mode()
    def prefill(self, plan: PrefillPlan, clip: ContextClip) -> None:
        num_frames = len(clip)
        latents_BFChw = clip.latents_FChw.to(self._device, self._frames.dtype)[None]
        t_BF = clip.t_F.to(self._device)[None]
        actions_BFA = clip.actions_FA.to(self._device)[None]
        positions_BF = torch.tensor([plan.frame_idxs], device=self._device)
        attend = PrefillAttention(
            self._kv, plan.slot, num_frames=num_frames, window=self._config.window,
            like=latents_BFChw,
        )  # fmt: skip
        previous = Previous.absent(latents_BFChw)
        self._transformer(latents_BFChw, t_BF, actions_BFA, positions_BF, previous, attend)
        slots, pages = [plan.slot] * num_frames, range(num_frames)
        self._frames.write(slots, pages, latents_BFChw[0], t_BF[0], actions_BFA[0])

    @torch.inference_mode()
    def run(self, plan: StepPlan) -> list[Frame]:
        started_s = self._now_s()
        batch = self._prepare(plan)
        latents_BChw = self._denoise(plan, batch)
        self._remember(plan, batch, latents_BChw)
        denoised_s = self._now_s()
        pixels_BHWC = uint8_from_pixels(self._tokenizer.decode(latents_BChw)).cpu().numpy()
        decoded_s = self._now_s()
        return [
            Frame(
                session_id=planned.session_id,
                frame_idx=planned.frame_idx,
                pixels=pixels,
                num_steps=plan.num_steps,
                denoise_s=denoised_s - started_s,
                decode_s=decoded_s - denoised_s,
            )
            for planned, pixels in zip(plan.frames, pixels_BHWC, strict=False)  # padding is last
        ]

    @torch.inference_mode()
    def read_context(self, slot: int, pages: Sequence[int]) -> ContextClip:
        return self._frames.read(slot, pages)

    def _prepare(self, plan: StepPlan) -> StepBatch:
        placements = [frame.placement for frame in plan.frames]
        slots = [placement.slot for placement in placements]
        previous = self._frames.previous(slots, [p.previous_page for p in placements])
        actions_B1A = self._pad(torch.tensor([[frame.action] for frame in plan.frames]), plan)
        positions_B1 = torch.tensor([[frame.frame_idx] for frame in plan.frames])
        return StepBatch(
            actions_B1A=actions_B1A,
            previous_BChw=self._pad(previous.x_BChw, plan),
            modulations=self._modulate(plan, self._pad(previous.t_B, plan), actions_B1A),
            rotation=self._transformer.rope(self._pad(positions_B1, plan)),
            attend=StepAttention(self._kv, placements),
        )

    def _modulate(
        self, plan: StepPlan, previous_t_B: Tensor, actions_B1A: Tensor
    ) -> tuple[Tensor, ...]:
        """The modulation of every pass of the step, all in one go."""
        times = (*self._spec.times[plan.num_steps], self._spec.context_t)
        t_M1 = torch.cat([self._full(plan, t) for t in times])[:, None]
        previous_t_M1 = previous_t_B.repeat(len(times))[:, None]
        actions_M1A = actions_B1A.repeat(len(times), 1, 1)
        modulation = self._transformer.modulate(t_M1, previous_t_M1, actions_M1A)
        return torch.split(modulation, plan.batch_size, dim=1)

    def _denoise(self, plan: StepPlan, batch: StepBatch) -> Tensor:
        """Clean latents (B, C, h, w) of the planned frames."""
        x_BChw = self._draw(plan, 0)
        times = (*self._spec.times[plan.num_steps], 0.0)
        for denoise_step, (t, next_t) in enumerate(pairwise(times)):
            t_B, next_t_B = self._full(plan, t), self._full(plan, next_t)
            direction_BChw = self._predict(x_BChw, denoise_step, batch)
            draw = partial(self._draw, plan, denoise_step + 1)
            x_BChw = self._sampler.advance(x_BChw, direction_BChw, t_B, next_t_B, draw)
        return x_BChw

    def _remember(self, plan: StepPlan, batch: StepBatch, latents_BChw: Tensor) -> None:
        """Leaves the finished frames in their pages, slightly noisy as contexts were in training:
        history is imperfect, and the model should know."""
        t_B = self._full(plan, self._spec.context_t)
        x_BChw = diffuse(latents_BChw, self._draw(plan, CONTEXT_STEP), t_B)
        self._predict(x_BChw, -1, batch)
        num_frames = len(plan.frames)
        self._frames.write(
            [frame.placement.slot for frame in plan.frames],
            [frame.placement.page for frame in plan.frames],
            x_BChw[:num_frames],
            t_B[:num_frames],
            batch.actions_B1A[:num_frames, 0],
        )

    def _predict(self, x_BChw: Tensor, number: int, batch: StepBatch) -> Tensor:
        """Directions (B, C, h, w) predicted by the pass of that number."""
        direction_B1Chw = self._transformer.predict(
            x_BChw[:, None], batch.previous_BChw, batch.modulations[number], batch.rotation,
            batch.attend,
        )  # fmt: skip
        return direction_B1Chw[:, 0]

    def _draw(self, plan: StepPlan, denoise_step: int) -> Tensor:
        """Noise (B, C, h, w), every row by its own key."""
        cell = (self._config.latent_channels, self._config.grid_height, self._config.grid_width)
        rows = [
            draw_noise(cell, seed=f.seed, frame_idx=f.frame_idx, denoise_step=denoise_step)
            for f in plan.frames
        ]
        return self._pad(torch.stack(rows), plan)

    def _pad(self, rows: Tensor, plan: StepPlan) -> Tensor:
        """Zero rows up to the batch size, on the device."""
        missing = plan.batch_size - len(rows)
        return nnf.pad(rows.to(self._device), (0, 0) * (rows.ndim - 1) + (0, missing))

    def _full(self, plan: StepPlan, value: float) -> Tensor:
        return torch.full((plan.batch_size,), value, device=self._device)

    def _now_s(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
