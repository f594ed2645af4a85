"""An inverse dynamics model: predicts from frames alone the pressed buttons and the camera's turn
on each axis. A small form of VPT's labeller (arXiv 2206.11795).

The model is trained on recorded play only and then reads generated frames; it knows no world model.
Shape letters: B clips, S frames of a clip, H W pixels, K buttons, Y bins of a camera axis,
D features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.action_space import ActionSpace

BEFORE, AFTER = 2, 1  # input frames before and after the frame that the action leads to
CLIP_FRAMES = BEFORE + 1 + AFTER
NUM_FEATURES = 64
_CHANNELS = 3 + CLIP_FRAMES - 1  # the frame itself, and the changes of brightness
_CHANGE_GAIN = 4.0  # most changes are small


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseDynamicsShape:
    width: int  # pixels, multiples of 4
    height: int
    num_buttons: int
    num_bins: tuple[int, ...]  # of each camera axis

    @classmethod
    def of(cls, space: ActionSpace, width: int, height: int) -> "InverseDynamicsShape":
        return cls(
            width=width,
            height=height,
            num_buttons=len(space.model_buttons),
            num_bins=tuple(map(len, space.camera.values())),
        )


class InverseDynamics(nn.Module):
    """Takes four frames and predicts the action between the second and the third. The fourth frame
    helps, because an action still moves the frame after it."""

    def __init__(self, shape: InverseDynamicsShape) -> None:
        super().__init__()
        self.shape = shape
        grid_cells = -(-shape.height // 16) * -(-shape.width // 16)
        self.trunk = nn.Sequential(
            *_stage(_CHANNELS, 32, kernel=8, stride=4, padding=2),
            *_stage(32, 48, stride=2),
            *_stage(48, 64, stride=2),
            *_stage(64, 64, stride=1),
            nn.Flatten(),  # keeps positions: they tell the direction of motion
            nn.Linear(64 * grid_cells, NUM_FEATURES),
            nn.ReLU(),
        )
        self.buttons = nn.Linear(NUM_FEATURES, shape.num_buttons)
        self.camera = nn.ModuleList(nn.Linear(NUM_FEATURES, bins) for bins in shape.num_bins)

    def features(self, clips_BSHW3: Tensor) -> Tensor:
        """Features (B, D) of uint8 clips; the Fréchet distance uses these."""
        pixels = clips_BSHW3.permute(0, 1, 4, 2, 3).float() / 127.5 - 1.0
        changes_BCHW = pixels.mean(dim=2).diff(dim=1)
        seen_BCHW = torch.cat((pixels[:, BEFORE], _CHANGE_GAIN * changes_BCHW), dim=1)
        features: Tensor = self.trunk(seen_BCHW.contiguous(memory_format=torch.channels_last))
        return features

    def forward(self, clips_BSHW3: Tensor) -> tuple[Tensor, list[Tensor]]:
        """`logits` of the clips."""
        return self.logits(self.features(clips_BSHW3))

    def logits(self, features_BD: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, K) of the buttons, independent of each other, and (B, Y) of each camera
        axis."""
        return self.buttons(features_BD), [axis(features_BD) for axis in self.camera]


def _stage(
    width: int, next_width: int, *, kernel: int = 3, stride: int, padding: int = 1
) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(width, next_width, kernel, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(next_width),
        nn.ReLU(),
    )
