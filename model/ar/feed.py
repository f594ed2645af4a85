"""What one pass of decoding is fed, as tensors made once per decode order.

Entries of a pass, in this order: the previous frame's last cells and the action (first turn only),
then the cells drawn in the turn before, then guesses. Shape letters: B rows, A action tokens,
P cells, T tokens per frame (A + P), E entries of the pass, N cells drawn, S entries of a slot.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.ar.order import DecodeOrder, Turn
from model.ar.transformer import ARConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a frame is drawn. It sees pages 0 .. num_pages - 1 of its slot, its own among them."""

    frame_idx: int
    slot: int
    page: int
    previous_page: int
    num_pages: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feed:
    """One turn's pass. The first `len(before)` entries lie in the previous frame's page."""

    turn: Turn
    before: tuple[int, ...]  # cells of the previous frame
    num_actions: int
    offsets_E: Tensor  # place within the page
    own_ET: Tensor  # who sees what of the page being drawn
    before_ET: Tensor  # and of the page before, for the first entries
    sources_N: Tensor  # the entry that each drawn cell comes from

    def ids(self, codes_BP: Tensor, previous_BP: Tensor, actions_BA: Tensor) -> Tensor:
        """Ids (B, E), given the codes drawn so far."""
        parts = (
            previous_BP[:, list(self.before)],
            actions_BA[:, : self.num_actions],
            codes_BP[:, list(self.turn.known)],
            previous_BP[:, list(self.turn.guessed)],
        )
        return torch.cat(parts, dim=1)

    def positions(self, frame_idx_B1: Tensor) -> Tensor:
        """Positions (B, E) along the session's whole sequence."""
        positions_BE = frame_idx_B1 * self.own_ET.shape[1] + self.offsets_E
        positions_BE[:, : len(self.before)] -= self.own_ET.shape[1]
        return positions_BE

    def written(self, place: Place) -> Tensor:
        """(E,): where in the slot the entries go."""
        num_tokens = self.own_ET.shape[1]
        written_E = self.offsets_E + place.page * num_tokens
        shift = (place.previous_page - place.page) * num_tokens
        written_E[: len(self.before)] += shift
        return written_E

    def mask(self, place: Place) -> Tensor:
        """(E, S): all other pages wholly, these two by their masks."""
        num_entries, num_tokens = self.own_ET.shape
        mask_ES = self.own_ET.new_ones(num_entries, place.num_pages * num_tokens)
        pages_EFT = mask_ES.view(num_entries, place.num_pages, num_tokens)
        pages_EFT[:, place.page] = self.own_ET
        if self.before:
            pages_EFT[: len(self.before), place.previous_page] = self.before_ET
        return mask_ES


def build_feeds(config: ARConfig, order: DecodeOrder, device: torch.device) -> list[Feed]:
    """The passes of one frame, in order."""
    return [
        _build_feed(config, order, number, turn, device)
        for number, turn in enumerate(order.turns())
    ]


def _build_feed(
    config: ARConfig, order: DecodeOrder, number: int, turn: Turn, device: torch.device
) -> Feed:
    num_actions = config.actions_per_frame if number == 0 else 0
    before = order.last_cells if number == 0 else ()
    cells = (*turn.known, *turn.guessed)
    first_cell = config.actions_per_frame
    offsets = [first_cell + cell for cell in before]
    offsets += range(num_actions)
    offsets += [first_cell + cell for cell in cells]
    own_ET = torch.zeros(len(offsets), config.tokens_per_frame, dtype=torch.bool)
    for entry, offset in enumerate(offsets[len(before) :], start=len(before)):
        own_ET[entry, : min(offset + 1, first_cell)] = True
        if offset >= first_cell:
            own_ET[entry, first_cell:] = torch.tensor(order.sees(offset - first_cell, number))
            own_ET[entry, offset] = True
    before_ET = torch.arange(config.tokens_per_frame) <= torch.tensor(before)[:, None] + first_cell
    entry_of = {cell: len(before) + num_actions + i for i, cell in enumerate(cells)}
    entry_of[-1] = len(before) + num_actions - 1  # the last action token
    return Feed(
        turn=turn,
        before=before,
        num_actions=num_actions,
        offsets_E=torch.tensor(offsets, device=device),
        own_ET=own_ET.to(device),
        before_ET=before_ET.to(device),
        sources_N=torch.tensor([entry_of[cell - 1] for cell in turn.drawn], device=device),
    )
