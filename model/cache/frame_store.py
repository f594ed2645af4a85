"""The frames behind the keys: what the transformer was shown of every page. Tensors only.

Shape letters: B rows, F frames, C h w latent channels, rows, columns, A action size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.nfd.transformer import NFDConfig, Previous


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContextClip:
    """Frames in order, just as a context holds them: with their small noise still in them.

    Nothing else is needed to compute their keys and values again.
    """

    latents_FChw: Tensor
    t_F: Tensor
    actions_FA: Tensor

    def __len__(self) -> int:
        return len(self.latents_FChw)


class FrameStore:
    """Owns latents, noise labels and actions by slot and page."""

    def __init__(
        self, config: NFDConfig, *, num_slots: int, pages_per_slot: int, like: Tensor
    ) -> None:
        """Device and dtype are those of `like`."""
        cell = (config.latent_channels, config.grid_height, config.grid_width)
        self.dtype = like.dtype
        self._latents = like.new_zeros(num_slots, pages_per_slot, *cell)
        self._t = torch.zeros(num_slots, pages_per_slot, device=like.device)
        self._actions = torch.zeros(
            num_slots, pages_per_slot, config.action_size, device=like.device
        )

    @property
    def nbytes(self) -> int:
        return self._latents.nbytes + self._t.nbytes + self._actions.nbytes

    def write(
        self,
        slots: Sequence[int],
        pages: Sequence[int],
        latents_BChw: Tensor,
        t_B: Tensor,
        actions_BA: Tensor,
    ) -> None:
        """Row i goes to page `pages[i]` of slot `slots[i]`."""
        where = (list(slots), list(pages))
        self._latents[where] = latents_BChw
        self._t[where] = t_B
        self._actions[where] = actions_BA

    def previous(self, slots: Sequence[int], pages: Sequence[int]) -> Previous:
        """The frame in page `pages[i]` of slot `slots[i]`, as row i of a pass."""
        where = (list(slots), list(pages))
        return Previous(self._latents[where], self._t[where])

    def read(self, slot: int, pages: Sequence[int]) -> ContextClip:
        """A copy of these pages of one slot, on the CPU."""
        where = (slot, list(pages))
        return ContextClip(
            latents_FChw=self._latents[where].cpu(),
            t_F=self._t[where].cpu(),
            actions_FA=self._actions[where].cpu(),
        )
