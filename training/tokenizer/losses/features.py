"""A small eye of our own for perceptual distance. It is taught by inverse dynamics: what it sees in
two frames in a row must tell the action between them, so it cannot do without edges and colours
that move with the view. It needs no downloaded weights, and never judges a world: evaluation has a
reader of its own.

Shape letters: B frames, A action size, C H W feature channels, rows, columns.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from model.tokenizer.vae import pixels_from_uint8
from training.data.recording import Recording
from training.objectives.objective import Losses

_WIDTHS = (32, 64, 96)
_BATCH = 16


class Eye(nn.Module):
    """Frames to feature maps at a half, a quarter and an eighth of their size."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Conv2d(before, width, 3, stride=2, padding=1)
            for before, width in pairwise((3, *_WIDTHS))
        )

    def forward(self, pixels_B3HW: Tensor) -> list[Tensor]:
        maps = [pixels_B3HW]
        for level in self.levels:
            maps.append(nnf.leaky_relu(level(maps[-1]), 0.1))
        return maps[1:]


class InverseDynamics(nn.Module):
    """The action (B, A) that leads from one frame to the next."""

    def __init__(self, action_size: int) -> None:
        super().__init__()
        self.eye = Eye()
        self.compare = nn.Conv2d(2 * _WIDTHS[-1], 64, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d((2, 4))
        self.action = nn.Linear(64 * 2 * 4, action_size)

    def forward(self, before_B3HW: Tensor, after_B3HW: Tensor) -> Tensor:
        seen = torch.cat([self.eye(frames)[-1] for frames in (before_B3HW, after_B3HW)], dim=1)
        moved = self.pool(nnf.leaky_relu(self.compare(seen), 0.1))
        action_BA: Tensor = self.action(moved.flatten(1))
        return action_BA


class ReadActions:
    """The objective: squared error of the action vector over pairs with no cut between."""

    def __init__(self, reader: InverseDynamics, films: Sequence[Recording]) -> None:
        self._reader = reader
        self._films = films
        self._pairs = np.concatenate(
            [
                np.stack((np.full(len(found), i), found), axis=1)
                for i, film in enumerate(films)
                for found in [np.flatnonzero(~film.cuts[1:])]
            ]
        )

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        device = generator.device
        picked = torch.randint(len(self._pairs), (_BATCH,), generator=generator, device=device)
        pairs = self._pairs[picked.cpu().numpy()]
        frames_B2HW3 = np.stack([self._films[film].frames[i : i + 2] for film, i in pairs])
        actions_BA = np.stack([self._films[film].actions[i + 1] for film, i in pairs])
        before, after = (
            pixels_from_uint8(torch.from_numpy(frames_B2HW3[:, n]).to(device)) for n in (0, 1)
        )
        truth = torch.from_numpy(actions_BA).to(device)
        return {"loss": (self._reader(before, after) - truth).square().mean()}


class EyeDistance:
    """How different pictures look to an eye: features of unit length at every place of every
    level, squared difference, as LPIPS does it (arXiv 1801.03924) with all channels alike."""

    def __init__(self, eye: Eye) -> None:
        self._eye = eye.eval().requires_grad_(False)

    def __call__(self, rebuilt_B3HW: Tensor, real_B3HW: Tensor) -> Tensor:
        """One number for the batch; gradients reach `rebuilt` only."""
        with torch.no_grad():
            real_maps = self._eye(real_B3HW)
        maps = zip(self._eye(rebuilt_B3HW), real_maps, strict=True)
        distances = [
            (nnf.normalize(ours) - nnf.normalize(real)).square().sum(dim=1).mean()
            for ours, real in maps
        ]
        return torch.stack(distances).sum()
