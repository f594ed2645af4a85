"""Predictions of the inverse dynamics model over whole recordings, frame by frame. Trains nothing.

Shape letters: N frames of a recording, M predicted frames, K buttons, X camera axes, D features.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.evaluate.inverse_dynamics.network import CLIP_FRAMES, InverseDynamics

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """Actions, recorded or predicted: buttons (M, K) and the index of the bin on each camera axis
    (M, X), in the order of the action vector."""

    buttons: NDArray[np.bool_]
    camera_bins: NDArray[np.int64]

    @classmethod
    def of(cls, space: ActionSpace, actions_MA: NDArray[np.float32]) -> "Actions":
        """From the action vectors of a recording."""
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
class InverseDynamicsOutput:
    """Predictions for all frames with two frames before and one frame after."""

    actions: Actions
    features_MD: NDArray[np.float64]


@torch.inference_mode()
def predict_actions(
    inverse_dynamics: InverseDynamics, video: NDArray[np.uint8]
) -> InverseDynamicsOutput:
    """`film`: frames (N, H, W, 3); M is N - 3."""
    clips = sliding_window_view(video, CLIP_FRAMES, axis=0)  # (M, H, W, 3, S)
    buttons, camera_bins, features = [], [], []
    for first in range(0, len(clips), _BATCH):
        part = np.array(np.moveaxis(clips[first : first + _BATCH], -1, 1))
        features_BD = inverse_dynamics.features(torch.from_numpy(part))
        button_logits_BK, camera_logits = inverse_dynamics.logits(features_BD)
        buttons.append(button_logits_BK > 0)
        camera_bins.append(torch.stack([axis.argmax(dim=1) for axis in camera_logits], dim=1))
        features.append(features_BD.double())
    return InverseDynamicsOutput(
        actions=Actions(
            buttons=torch.cat(buttons).numpy(), camera_bins=torch.cat(camera_bins).numpy()
        ),
        features_MD=torch.cat(features).numpy(),
    )
