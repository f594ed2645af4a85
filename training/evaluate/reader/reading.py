"""What a reader says about films: actions and features, frame by frame. Trains nothing.

Shape letters: N frames of a film, M of them read, K buttons, X camera axes, D features.
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
    """What was pressed, or is said to have been: buttons (M, K) and the index of the bin on each
    axis of the camera (M, X), in the order of the action vector."""

    buttons: NDArray[np.bool_]
    camera_bins: NDArray[np.int64]

    @classmethod
    def of(cls, space: ActionSpace, actions_MA: NDArray[np.float32]) -> "Actions":
        """From the vectors that a recording holds."""
        num_buttons = len(space.model_buttons)
        axes = zip(actions_MA[:, num_buttons:].T, space.camera.values(), strict=True)
        camera_bins = [
            np.abs(values_M[:, None] * bins[-1] - np.array(bins)).argmin(axis=1)
            for values_M, bins in axes
        ]
        return cls(
            buttons=actions_MA[:, :num_buttons] > 0.5, camera_bins=np.stack(camera_bins, axis=1)
        )

    def take(self, frames: slice | NDArray[np.int64]) -> "Actions":
        return Actions(buttons=self.buttons[frames], camera_bins=self.camera_bins[frames])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Of every frame of a film that has two frames before and one after it."""

    actions: Actions
    features_MD: NDArray[np.float64]


@torch.inference_mode()
def read(reader: ActionReader, film: NDArray[np.uint8]) -> Reading:
    """`film` is (N, H, W, 3); M is N - 3."""
    clips = sliding_window_view(film, CLIP_FRAMES, axis=0)  # (M, H, W, 3, S)
    buttons, camera_bins, features = [], [], []
    for first in range(0, len(clips), _BATCH):
        part = np.array(np.moveaxis(clips[first : first + _BATCH], -1, 1))
        features_BD = reader.features(torch.from_numpy(part))
        button_logits_BK, camera_logits = reader.logits(features_BD)
        buttons.append(button_logits_BK > 0)
        camera_bins.append(torch.stack([axis.argmax(dim=1) for axis in camera_logits], dim=1))
        features.append(features_BD.double())
    return Reading(
        actions=Actions(
            buttons=torch.cat(buttons).numpy(), camera_bins=torch.cat(camera_bins).numpy()
        ),
        features_MD=torch.cat(features).numpy(),
    )
