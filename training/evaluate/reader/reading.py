"""What a reader says about films: actions and features, frame by frame. Trains nothing.

Shape letters: N frames of a film, M of them read, K buttons, A action size, D features.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.evaluate.reader.network import CLIP_FRAMES, ActionReader

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What was pressed, or is said to have been: buttons (M, K) and the index of the yaw's bin
    (M,)."""

    buttons: NDArray[np.bool_]
    yaw_bins: NDArray[np.int64]

    @classmethod
    def of(cls, space: ActionSpace, actions_MA: NDArray[np.float32]) -> "Actions":
        """From the vectors that a recording holds."""
        bins_deg = np.array(space.yaw_bins_deg)
        yaw_deg = actions_MA[:, -1:] * bins_deg[-1]
        return cls(
            buttons=actions_MA[:, :-1] > 0.5,
            yaw_bins=np.abs(yaw_deg - bins_deg).argmin(axis=1),
        )

    def take(self, frames: slice | NDArray[np.int64]) -> "Actions":
        return Actions(buttons=self.buttons[frames], yaw_bins=self.yaw_bins[frames])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Of every frame of a film that has two frames before and one after it."""

    actions: Actions
    features_MD: NDArray[np.float64]


@torch.inference_mode()
def read(reader: ActionReader, film: NDArray[np.uint8]) -> Reading:
    """`film` is (N, H, W, 3); M is N - 3."""
    clips = sliding_window_view(film, CLIP_FRAMES, axis=0)  # (M, H, W, 3, S)
    buttons, yaw_bins, features = [], [], []
    for first in range(0, len(clips), _BATCH):
        part = np.array(np.moveaxis(clips[first : first + _BATCH], -1, 1))
        features_BD = reader.features(torch.from_numpy(part))
        buttons.append(reader.buttons(features_BD) > 0)
        yaw_bins.append(reader.yaw(features_BD).argmax(dim=1))
        features.append(features_BD.double())
    return Reading(
        actions=Actions(buttons=torch.cat(buttons).numpy(), yaw_bins=torch.cat(yaw_bins).numpy()),
        features_MD=torch.cat(features).numpy(),
    )
