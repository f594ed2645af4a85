"""A small feature network for a perceptual distance. It is trained by inverse dynamics: the
features of two successive frames must predict the action between them, so they keep edges and
colours that move with the view. The network needs no downloaded weights and measures no world;
evaluation has an inverse dynamics model of its own.

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


class FeatureNetwork(nn.Module):
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


class ActionRegressor(nn.Module):
    """Predicts the action (B, A) that leads from one frame to the next. The attribute `eye` is a
    key of saved states."""

    def __init__(self, action_size: int) -> None:
        super().__init__()
        self.eye = FeatureNetwork()
        self.compare = nn.Conv2d(2 * _WIDTHS[-1], 64, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d((2, 4))
        self.action = nn.Linear(64 * 2 * 4, action_size)

    def forward(self, before_B3HW: Tensor, after_B3HW: Tensor) -> Tensor:
        features = torch.cat([self.eye(frames)[-1] for frames in (before_B3HW, after_B3HW)], dim=1)
        moved = self.pool(nnf.leaky_relu(self.compare(features), 0.1))
        action_BA: Tensor = self.action(moved.flatten(1))
        return action_BA


class ActionRegression:
    """The objective: squared error of the action vector over pairs of frames without a cut."""

    def __init__(self, regressor: ActionRegressor, recordings: Sequence[Recording]) -> None:
        self._regressor = regressor
        self._recordings = recordings
        self._pairs = np.concatenate(
            [
                np.stack((np.full(len(found), i), found), axis=1)
                for i, recording in enumerate(recordings)
                for found in [np.flatnonzero(~recording.cuts[1:])]
            ]
        )

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        device = generator.device
        picked = torch.randint(len(self._pairs), (_BATCH,), generator=generator, device=device)
        pairs = self._pairs[picked.cpu().numpy()]
        frames_B2HW3 = np.stack(
            [self._recordings[recording].frames[i : i + 2] for recording, i in pairs]
        )
        actions_BA = np.stack(
            [self._recordings[recording].actions[i + 1] for recording, i in pairs]
        )
        before, after = (
            pixels_from_uint8(torch.from_numpy(frames_B2HW3[:, n]).to(device)) for n in (0, 1)
        )
        truth = torch.from_numpy(actions_BA).to(device)
        return {"loss": (self._regressor(before, after) - truth).square().mean()}


class FeatureDistance:
    """A perceptual distance as in LPIPS (arXiv 1801.03924): the squared difference of features of
    unit length at every position of every level, with equal channel weights."""

    def __init__(self, network: FeatureNetwork) -> None:
        self._network = network.eval().requires_grad_(False)

    def __call__(self, rebuilt_B3HW: Tensor, real_B3HW: Tensor) -> Tensor:
        """The mean over the batch; gradients reach `rebuilt_B3HW` only."""
        with torch.no_grad():
            real_maps = self._network(real_B3HW)
        maps = zip(self._network(rebuilt_B3HW), real_maps, strict=True)
        distances = [
            (nnf.normalize(ours) - nnf.normalize(real)).square().sum(dim=1).mean()
            for ours, real in maps
        ]
        return torch.stack(distances).sum()
