"""Whole clips as one sequence with one mask: how the model is trained and prefilled, and the truth
that cached decoding is tested against.

Of every frame, in this order: the action that leads to it, its cells, and the guesses that its
decode order feeds. Shape letters: B clips, F frames, A action tokens, P cells, S entries.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.ar.decoding.order import DecodeOrder
from model.ar.transformer import ARConfig


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipLayout:
    """Where each entry of a clip stands and what it sees; the same for all clips of a length."""

    order: DecodeOrder
    guessed_G: Tensor  # cells fed as guesses
    positions_1S: Tensor
    mask_SS: Tensor  # True where a query (row) may see a key (column)
    sources_FP: Tensor  # the entry that each cell is drawn from

    @classmethod
    def build(
        cls, config: ARConfig, order: DecodeOrder, num_frames: int, device: torch.device
    ) -> "ClipLayout":
        num_actions, num_cells = config.actions_per_frame, config.cells_per_frame
        guessed = torch.tensor(order.guessed, dtype=torch.int64)
        slots_E = torch.cat((torch.arange(num_actions + num_cells), num_actions + guessed))
        starts_F1 = torch.arange(num_frames)[:, None]
        return cls(
            order=order,
            guessed_G=guessed.to(device),
            positions_1S=(starts_F1 * config.tokens_per_frame + slots_E).view(1, -1).to(device),
            mask_SS=_mask(config, order, num_frames).to(device),
            sources_FP=(starts_F1 * len(slots_E) + _sources(config, order)).to(device),
        )

    def ids(self, codes_BFP: Tensor, actions_BFA: Tensor) -> Tensor:
        """Ids (B, S) of these frames and actions (given as ids). A guess in the first frame of a
        clip is code 0."""
        before_BFP = nnf.pad(codes_BFP[:, :-1], (0, 0, 1, 0))
        return torch.cat((actions_BFA, codes_BFP, before_BFP[..., self.guessed_G]), -1).flatten(1)


class ClipAttention:
    """All entries of clips in one pass under the layout's mask."""

    def __init__(self, layout: ClipLayout) -> None:
        self._mask_SS = layout.mask_SS

    def __call__(self, layer: int, q_BNSK: Tensor, k_BMSK: Tensor, v_BMSK: Tensor) -> Tensor:
        return nnf.scaled_dot_product_attention(
            q_BNSK, k_BMSK, v_BMSK, attn_mask=self._mask_SS, enable_gqa=True
        )


def _sources(config: ARConfig, order: DecodeOrder) -> Tensor:
    """(P,): the entry within a frame that each cell is drawn from."""
    sources = torch.arange(order.num_cells) + config.actions_per_frame - 1
    for number, cell in enumerate(order.guessed):
        sources[cell + 1] = config.tokens_per_frame + number
    return sources


def _mask(config: ARConfig, order: DecodeOrder, num_frames: int) -> Tensor:
    inside_EE = _mask_within(config, order)
    num_entries = len(inside_EE)
    frame_S = torch.arange(num_frames).repeat_interleave(num_entries)
    distance_SS = frame_S[:, None] - frame_S[None, :]
    is_guess_S = (torch.arange(num_entries) >= config.tokens_per_frame).repeat(num_frames)
    earlier = (distance_SS > 0) & (distance_SS < config.window) & ~is_guess_S[None, :]
    return earlier | ((distance_SS == 0) & inside_EE.repeat(num_frames, num_frames))


def _mask_within(config: ARConfig, order: DecodeOrder) -> Tensor:
    """(E, E): who sees whom within one frame."""
    num_actions, num_real = config.actions_per_frame, config.tokens_per_frame
    mask = torch.eye(num_real + len(order.guessed), dtype=torch.bool)
    mask[:num_actions, :num_actions] = torch.ones(num_actions, num_actions).tril().bool()
    mask[num_actions:, :num_actions] = True
    cells = slice(num_actions, num_real)
    for cell, turn in enumerate(order.turn_of):
        mask[num_actions + cell, cells] = torch.tensor(order.sees(cell, turn + 1))
    for number, cell in enumerate(order.guessed):
        mask[num_real + number, cells] = torch.tensor(order.sees(cell, order.turn_of[cell + 1]))
    return mask
