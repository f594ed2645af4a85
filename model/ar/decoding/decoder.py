"""Draws frames code by code over the cache: the baseline's heart. Decides nothing.

Rows of a pass are packed one after the other, so frames may be at different turns in it.
Shape letters: A action tokens, P cells, E entries of a pass, N cells drawn, V codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.ar.decoding.cache import CachedAttention, TokenStore
from model.ar.decoding.feed import Feed, build_feeds
from model.ar.decoding.order import DecodeOrder
from model.ar.decoding.token_sampling import TokenSampler, uniforms
from model.ar.transformer import ARTransformer
from model.cache.page_table import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One frame at one of its turns. `seed` decides by chance what the odds leave open."""

    place: Placement
    turn: int
    seed: int


class FrameDecoder:
    """Owns the tokens, keys and values of every slot. A frame takes as many passes as its order
    has turns; its last cells are cached with the pass that begins the next frame, or alone."""

    def __init__(
        self,
        transformer: ARTransformer,
        order: DecodeOrder,
        sampler: TokenSampler,
        *,
        num_slots: int,
        pages_per_slot: int,
    ) -> None:
        """Device and dtype are the transformer's."""
        weight = transformer.head.weight
        self._transformer = transformer
        self._num_actions = transformer.config.actions_per_frame
        self._num_cells = order.num_cells
        self._sampler = sampler
        self._device = weight.device
        self.feeds = build_feeds(transformer.config, order, weight.device)
        sizes = {"num_slots": num_slots, "pages_per_slot": pages_per_slot}
        self.store = TokenStore(transformer.config, **sizes, like=weight)

    def write_frame(self, slot: int, page: int, codes_P: Tensor, actions_A: Tensor) -> None:
        """A given frame's tokens; `Feeds.whole` then leaves its keys in the cache."""
        self.write_action(slot, page, actions_A)
        self.codes(slot, page)[:] = codes_P

    def write_action(self, slot: int, page: int, actions_A: Tensor) -> None:
        """The action that leads to the frame drawn there, before its first turn."""
        self.store.ids[slot, page, : self._num_actions] = actions_A

    def codes(self, slot: int, page: int) -> Tensor:
        """View (P,) of the codes of a frame."""
        return self.store.ids[slot, page, self._num_actions :]

    def run(self, cached: Sequence[tuple[Feed, Placement]], drawn: Sequence[Draw]) -> None:
        """One pass. Frames of one session are in order."""
        rows = [*cached, *((self.feeds.turns[draw.turn], draw.place) for draw in drawn)]
        hidden_1ED = self._transformer(
            torch.cat([self._ids(*row) for row in rows])[None],
            torch.cat([self._positions(*row) for row in rows])[None],
            CachedAttention(self.store, rows),
        )
        ends = torch.tensor([len(feed) for feed, _ in rows]).cumsum(0).tolist()
        for draw, end in zip(drawn, ends[len(cached) :], strict=True):
            feed = self.feeds.turns[draw.turn]
            logits_1NV = self._transformer.logits(hidden_1ED[:, feed.sources_N + (end - len(feed))])
            codes_P = self.codes(draw.place.slot, draw.place.page)
            codes_P[list(feed.drawn)] = self._pick(logits_1NV, draw, feed)

    def _pick(self, logits_1NV: Tensor, draw: Draw, feed: Feed) -> Tensor:
        uniform_P = uniforms(self._num_cells, seed=draw.seed, frame_idx=draw.place.frame_idx)
        uniform_1N = uniform_P[None, list(feed.drawn)].to(self._device)
        return self._sampler(logits_1NV, uniform_1N)[0]

    def _ids(self, feed: Feed, place: Placement) -> Tensor:
        """(E,) of one row. Where nothing came before, a guess is whatever the page holds."""
        pages_FT = self.store.ids[place.slot]
        before = place.page if place.previous_page is None else place.previous_page
        return feed.ids(pages_FT[place.page], pages_FT[before])

    def _positions(self, feed: Feed, place: Placement) -> Tensor:
        return feed.offsets_E + place.frame_idx * (self._num_actions + self._num_cells)
