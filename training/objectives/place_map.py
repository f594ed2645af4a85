"""The loss of a place's map: how far what it says should be seen is from what was.

Shape letters: N states, S numbers of a state, C h w latent channels, rows, columns.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.place.map import PlaceMap
from training.data.latents import LatentRecording
from training.device import autocast
from training.objectives.objective import Losses


class PlaceFit:
    """Mean squared error over frames drawn evenly from all films."""

    def __init__(
        self, place: PlaceMap, recordings: Sequence[LatentRecording], batch_size: int
    ) -> None:
        """Raises ValueError for films without poses."""
        size = place.config.state_size
        self._place = place
        self._batch_size = batch_size
        self._latents = torch.cat([recording.latents_NChw for recording in recordings])
        self._states = torch.cat(
            [recording.conditions(size)[:, -size:] for recording in recordings]
        )

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        states_NS, latents_NChw = self._draw(generator)
        with autocast(states_NS.device):
            seen_NChw = self._place(states_NS)
        return {"loss": (seen_NChw.float() - latents_NChw).square().mean()}

    def _draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        device = generator.device
        picked = torch.randint(
            len(self._states), (self._batch_size,), generator=generator, device=device
        ).to(self._states.device)
        return self._states[picked].to(device), self._latents[picked].float().to(device)
