"""What a row of a pass is fed: some entries of one frame's page, and what they see of it.

A page holds the tokens of one frame: the action that leads to it, then its cells.
Shape letters: A action tokens, P cells, T tokens per frame (A + P), E entries of the row,
N cells drawn, S entries of the pages seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.ar.decoding.order import DecodeOrder, Turn
from model.ar.transformer import ARConfig
from model.cache.page_table import Placement


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feed:
    """The first `num_own` entries carry the frame's own tokens, the others the tokens of the
    frame before at the same offsets: guesses."""

    offsets_E: Tensor
    num_own: int
    mask_ET: Tensor  # who sees what of this page
    sources_N: Tensor  # the entry that each cell of `drawn` comes from
    drawn: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.mask_ET)

    def ids(self, own_T: Tensor, before_T: Tensor) -> Tensor:
        """Ids (E,), given those of the frame's page and of the page before."""
        own, guessed = self.offsets_E[: self.num_own], self.offsets_E[self.num_own :]
        return torch.cat((own_T[own], before_T[guessed]))

    def mask(self, place: Placement) -> Tensor:
        """(E, S): all other pages wholly, its own by the mask."""
        num_entries, num_tokens = self.mask_ET.shape
        mask_EFT = self.mask_ET.new_ones(num_entries, place.num_pages, num_tokens)
        mask_EFT[:, place.page] = self.mask_ET
        return mask_EFT.flatten(1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feeds:
    """All that a decode order ever feeds. `turns[i]` draws the cells of turn i, `finish` leaves
    the last turn's cells in the cache, `whole` leaves a given frame there."""

    turns: tuple[Feed, ...]
    finish: Feed
    whole: Feed


def build_feeds(config: ARConfig, order: DecodeOrder, device: torch.device) -> Feeds:
    actions = range(config.actions_per_frame)
    cells = range(order.num_cells)
    return Feeds(
        turns=tuple(
            _turn_feed(config, order, number, turn, device)
            for number, turn in enumerate(order.turns())
        ),
        finish=_feed(config, order, (), order.last_cells, (), device),
        whole=_feed(config, order, actions, cells, (), device),
    )


def _turn_feed(
    config: ARConfig, order: DecodeOrder, number: int, turn: Turn, device: torch.device
) -> Feed:
    actions = range(config.actions_per_frame if number == 0 else 0)
    return _feed(config, order, actions, turn.known, turn.guessed, device, drawn=turn.drawn)


def _feed(
    config: ARConfig,
    order: DecodeOrder,
    actions: Sequence[int],
    known: Sequence[int],
    guessed: Sequence[int],
    device: torch.device,
    *,
    drawn: tuple[int, ...] = (),
) -> Feed:
    num_actions, cells = config.actions_per_frame, (*known, *guessed)
    mask_ET = torch.zeros(len(actions) + len(cells), config.tokens_per_frame, dtype=torch.bool)
    for entry in range(len(actions)):
        mask_ET[entry, : entry + 1] = True
    # A cell is due in the turn after it is drawn, a guess in the turn that draws from it.
    due = [order.turn_of[cell] + 1 for cell in known] + [
        order.turn_of[cell + 1] for cell in guessed
    ]
    for entry, (cell, turn) in enumerate(zip(cells, due, strict=True), start=len(actions)):
        mask_ET[entry, :num_actions] = True
        mask_ET[entry, num_actions:] = torch.tensor(order.sees(cell, turn))
        mask_ET[entry, num_actions + cell] = True  # a guess, too, sees itself
    entry_of = {cell: entry for entry, cell in enumerate(cells, start=len(actions))}
    entry_of[-1] = len(actions) - 1  # cell 0 comes from the last action token
    offsets = [*actions, *(num_actions + cell for cell in cells)]
    return Feed(
        offsets_E=torch.tensor(offsets, device=device),
        num_own=len(actions) + len(known),
        mask_ET=mask_ET.to(device),
        sources_N=torch.tensor([entry_of[cell - 1] for cell in drawn], device=device).long(),
        drawn=drawn,
    )
