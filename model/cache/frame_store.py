"""The frames behind the keys: inputs of the transformer for every page. Tensors only.

Shape letters: B rows, F frames, C h w latent channels, rows, columns, A condition size: the action,
and in a world with a place the state behind the action.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.cache.transfer import send
from model.nfd.transformer import PURE_NOISE_T, NFDConfig, Previous


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContextClip:
    """Frames in order as a context holds them: with the small context noise.

    A clip is enough to compute the frames' keys and values again.
    """

    latents_FChw: Tensor
    t_F: Tensor
    actions_FA: Tensor

    def __len__(self) -> int:
        return len(self.latents_FChw)

    def pick(self, frames: Sequence[int]) -> "ContextClip":
        """The frames with the given numbers."""
        chosen = list(frames)
        return ContextClip(
            latents_FChw=self.latents_FChw[chosen],
            t_F=self.t_F[chosen],
            actions_FA=self.actions_FA[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameRows:
    """Frames as rows of a pass: what the transformer is shown of each."""

    latents_BChw: Tensor
    t_B: Tensor
    actions_BA: Tensor

    def then(self, other: "FrameRows") -> "FrameRows":
        return FrameRows(
            latents_BChw=torch.cat((self.latents_BChw, other.latents_BChw)),
            t_B=torch.cat((self.t_B, other.t_B)),
            actions_BA=torch.cat((self.actions_BA, other.actions_BA)),
        )

    def padded(self, num_rows: int) -> "FrameRows":
        """With zero rows behind, `num_rows` in all."""
        missing = num_rows - len(self.t_B)
        return FrameRows(
            latents_BChw=nnf.pad(self.latents_BChw, (0, 0) * 3 + (0, missing)),
            t_B=nnf.pad(self.t_B, (0, missing)),
            actions_BA=nnf.pad(self.actions_BA, (0, 0, 0, missing)),
        )


class FrameStore:
    """Owns latents, noise labels and actions by slot and page."""

    def __init__(
        self, config: NFDConfig, *, num_slots: int, pages_per_slot: int, like: Tensor
    ) -> None:
        """Device and dtype are taken from `like`."""
        cell = (config.latent_channels, config.grid_height, config.grid_width)
        self.dtype = like.dtype
        self._latents = like.new_zeros(num_slots, pages_per_slot, *cell)
        self._t = torch.zeros(num_slots, pages_per_slot, device=like.device)
        self._actions = torch.zeros(
            num_slots, pages_per_slot, config.condition_size, device=like.device
        )

    def write(self, slots: Sequence[int], pages: Sequence[int], rows: FrameRows) -> None:
        """Row i goes to page `pages[i]` of slot `slots[i]`."""
        where = self._at(slots, pages)
        self._latents[where] = rows.latents_BChw
        self._t[where] = rows.t_B
        self._actions[where] = rows.actions_BA

    def rows(self, slots: Sequence[int], pages: Sequence[int]) -> FrameRows:
        """Page `pages[i]` of slot `slots[i]` as row i of a pass."""
        where = self._at(slots, pages)
        return FrameRows(
            latents_BChw=self._latents[where], t_B=self._t[where], actions_BA=self._actions[where]
        )

    def previous(self, slots: Sequence[int], pages: Sequence[int | None]) -> Previous:
        """The same as what came before row i; None: nothing did."""
        rows = self.rows(slots, [page or 0 for page in pages])
        latents_BChw, t_B = rows.latents_BChw, rows.t_B
        absent = [number for number, page in enumerate(pages) if page is None]
        if absent:
            latents_BChw[absent] = 0.0
            t_B[absent] = PURE_NOISE_T
        return Previous(latents_BChw, t_B)

    def _at(self, slots: Sequence[int], pages: Sequence[int]) -> tuple[Tensor, Tensor]:
        places = torch.tensor((list(slots), list(pages)), dtype=torch.int64)
        slots_B, pages_B = send(places, self._t.device)
        return slots_B, pages_B

    def read(self, slot: int, pages: Sequence[int]) -> ContextClip:
        """A copy of the given pages of a slot, on the CPU."""
        where = (slot, list(pages))
        return ContextClip(
            latents_FChw=self._latents[where].cpu(),
            t_F=self._t[where].cpu(),
            actions_FA=self._actions[where].cpu(),
        )
