"""Draws frames code by code over the cache: the baseline's heart. Decides nothing.

Shape letters: B rows, F frames, A action tokens, P cells, E entries of a pass, N cells of a turn,
M key heads, S entries of clips, K head size, V codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.ar.cache import CachedAttention, Reach, TokenStore
from model.ar.choice import Choice
from model.ar.clip import ClipAttention, ClipLayout
from model.ar.feed import Place, build_feeds
from model.ar.order import DecodeOrder
from model.ar.transformer import ARTransformer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NextFrames:
    """One frame for each row: where it goes, what leads to it, and what chance decides."""

    places: Sequence[Place]
    actions_BA: Tensor  # ids
    previous_BP: Tensor  # codes of the frame before
    uniform_BP: Tensor


class FrameDecoder:
    """Owns the keys and values of every slot. As many passes a frame as its order has turns."""

    def __init__(
        self,
        transformer: ARTransformer,
        order: DecodeOrder,
        choice: Choice,
        *,
        num_slots: int,
        pages_per_slot: int,
    ) -> None:
        """Device and dtype are the transformer's."""
        weight = transformer.head.weight
        self._transformer = transformer
        self._order = order
        self._choice = choice
        self._device = weight.device
        self._feeds = build_feeds(transformer.config, order, weight.device)
        sizes = {"num_slots": num_slots, "pages_per_slot": pages_per_slot}
        self._store = TokenStore(transformer.config, **sizes, like=weight)

    @property
    def cache_nbytes(self) -> int:
        return self._store.nbytes

    def prefill(
        self, slot: int, frame_idxs: Sequence[int], codes_FP: Tensor, actions_FA: Tensor
    ) -> None:
        """Leaves these frames in pages 0, 1, ... of the slot."""
        config = self._transformer.config
        layout = ClipLayout.build(config, self._order, len(frame_idxs), self._device)
        positions_1S = layout.positions_1S + frame_idxs[0] * config.tokens_per_frame
        attend = _PrefillAttention(self._store, slot, layout, config.tokens_per_frame)
        self._transformer(layout.ids(codes_FP[None], actions_FA[None]), positions_1S, attend)

    def draw(self, frames: NextFrames) -> Tensor:
        """Codes (B, P) of the next frame of every row."""
        codes_BP = torch.zeros_like(frames.previous_BP)
        frame_idx_B1 = torch.tensor(
            [[place.frame_idx] for place in frames.places], device=self._device
        )
        for feed in self._feeds:
            ids_BE = feed.ids(codes_BP, frames.previous_BP, frames.actions_BA)
            reaches = [
                Reach(slot=p.slot, written_E=feed.written(p), mask_ES=feed.mask(p))
                for p in frames.places
            ]
            attend = CachedAttention(self._store, reaches)
            hidden_BED = self._transformer(ids_BE, feed.positions(frame_idx_B1), attend)
            logits_BNV = self._transformer.logits(hidden_BED[:, feed.sources_N])
            drawn = list(feed.turn.drawn)
            codes_BP[:, drawn] = self._choice(logits_BNV, frames.uniform_BP[:, drawn])
        return codes_BP


class _PrefillAttention(ClipAttention):
    """One session's opening frames in one masked pass; frame i leaves its tokens in page i, its
    guesses nowhere."""

    def __init__(
        self, store: TokenStore, slot: int, layout: ClipLayout, tokens_per_frame: int
    ) -> None:
        super().__init__(layout)
        self._store = store
        self._slot = slot
        self._num_frames = len(layout.sources_FP)
        self._tokens_per_frame = tokens_per_frame

    def __call__(self, layer: int, q_BNSK: Tensor, k_BMSK: Tensor, v_BMSK: Tensor) -> Tensor:
        for kept_SMK, new_BMSK in zip(
            self._store.slot(layer, self._slot), (k_BMSK, v_BMSK), strict=True
        ):
            new_MFEK = new_BMSK[0].view(len(new_BMSK[0]), self._num_frames, -1, new_BMSK.shape[-1])
            real_SMK = new_MFEK[:, :, : self._tokens_per_frame].flatten(1, 2).transpose(0, 1)
            kept_SMK[: len(real_SMK)] = real_SMK
        return super().__call__(layer, q_BNSK, k_BMSK, v_BMSK)
