"""The baseline behind the engine's door: the same plans, another way to make a frame of them.

One denoise step of a plan is one turn of the decode order, so a frame is planned with as many
steps as the order has turns. Shape letters: B images, F frames, A action size, P cells,
C h w latent channels, rows, columns.
"""

import time
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from model.ar.decoding.decoder import Draw, FrameDecoder
from model.ar.decoding.feed import Feed
from model.ar.decoding.order import DecodeOrder
from model.ar.decoding.token_sampling import TokenSampler
from model.ar.world import ARWorld
from model.cache.frame_store import ContextClip
from model.cache.page_table import Placement
from model.engine.image import ready_images
from model.engine.types import CachedFrame, PassPlan, PassResult
from model.tokenizer.vae import uint8_from_pixels


class ARRunner:
    """A `Runner` that draws frames code by code. A finished frame's codes are in the store at
    once; the keys of its last cells when a later pass caches it."""

    can_shorten_context: ClassVar[bool] = False

    def __init__(
        self,
        world: ARWorld,
        order: DecodeOrder,
        sampler: TokenSampler,
        *,
        num_slots: int,
        pages_per_slot: int,
        device: torch.device,
    ) -> None:
        """Moves the world's networks to `device`."""
        self._tokenizer = world.tokenizer.to(device)
        self._config = world.transformer.config
        self._vocabulary = world.vocabulary
        self._device = device
        self._decoder = FrameDecoder(
            world.transformer.to(device),
            order,
            sampler,
            num_slots=num_slots,
            pages_per_slot=pages_per_slot,
        )
        self._actions = torch.zeros(num_slots, pages_per_slot, world.action_space.size)
        self._no_pixels = torch.empty(0, 1, 1, 3, dtype=torch.uint8)
        self._drawn: set[tuple[int, int]] = set()  # slot, page: but its last cells are cached

    @torch.inference_mode()
    def load(self, slot: int, clip: ContextClip) -> None:
        """The clip's latents must lie on the tokenizer's grid: no noise is added to codes."""
        codes_FP = self._tokenizer.codes_of(clip.latents_FChw.to(self._device)).flatten(1)
        for page, codes_P in enumerate(codes_FP):
            action = tuple(clip.actions_FA[page].tolist())
            self._actions[slot, page] = clip.actions_FA[page]
            self._decoder.write_frame(slot, page, codes_P, self._spell(action))
            self._drawn.discard((slot, page))

    def keep_draft(self, placement: Placement, branch: int) -> None:
        """A session's only draft lies in its page already."""
        assert branch == 0, "this runner draws one draft at a time"

    @torch.inference_mode()
    def read_context(self, slot: int, pages: Sequence[int]) -> ContextClip:
        codes_FP = torch.stack([self._decoder.codes(slot, page) for page in pages])
        grid = (self._config.grid_height, self._config.grid_width)
        return ContextClip(
            latents_FChw=self._tokenizer.latents_of(codes_FP.view(-1, *grid)).cpu(),
            t_F=torch.zeros(len(pages)),
            actions_FA=self._actions[slot, list(pages)],
        )

    @torch.inference_mode()
    def run(self, plan: PassPlan) -> PassResult:
        started_s = self._now_s()
        for row in plan.drawn:
            if row.denoise_step == 0:
                where = row.placement
                self._actions[where.slot, where.page] = torch.tensor(row.request.action)
                self._decoder.write_action(where.slot, where.page, self._spell(row.request.action))
                self._drawn.add((where.slot, where.page))
        draws = [
            Draw(place=row.placement, turn=row.denoise_step, seed=row.seed) for row in plan.drawn
        ]
        self._decoder.run([self._caching_row(row) for row in plan.cached], draws)
        drawn_s = self._now_s()
        finished = [row.placement for row in plan.finished]
        pixels = self._decode(finished, plan.decode_size) if finished else self._no_pixels
        return PassResult(
            images=ready_images(pixels.cpu().numpy()),
            are_finite=[True] * len(finished),  # its latents are rows of a codebook
            denoise_s=drawn_s - started_s,
            decode_s=self._now_s() - drawn_s,
        )

    def _caching_row(self, row: CachedFrame) -> tuple[Feed, Placement]:
        """Of a frame that was drawn here, only the last cells are missing; of a given one, all."""
        is_drawn = (row.placement.slot, row.placement.page) in self._drawn
        feeds = self._decoder.feeds
        return (feeds.finish if is_drawn else feeds.whole), row.placement

    def _decode(self, places: Sequence[Placement], decode_size: int) -> Tensor:
        """Images (B, H, W, 3) uint8."""
        codes_BP = torch.zeros(decode_size, self._config.cells_per_frame, dtype=torch.int64)
        codes_BP = codes_BP.to(self._device)
        for number, place in enumerate(places):
            codes_BP[number] = self._decoder.codes(place.slot, place.page)
        codes_Bhw = codes_BP.view(decode_size, self._config.grid_height, self._config.grid_width)
        pixels_BCHW = self._tokenizer.decode(self._tokenizer.latents_of(codes_Bhw))
        return uint8_from_pixels(pixels_BCHW)[: len(places)]

    def _spell(self, action: Sequence[float]) -> Tensor:
        """Ids (tokens of one action,)."""
        ids = torch.tensor(self._vocabulary.tokens(action), device=self._device)
        return ids + self._config.codebook_size

    def _now_s(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
