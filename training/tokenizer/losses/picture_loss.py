"""How far a rebuilt picture is from the real one, as training sees it.

Shape letters: B frames, H W pixels.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as nnf
from torch import Tensor

from training.objectives.objective import Losses
from training.recipes.settings.picture import PictureWeights
from training.tokenizer.losses.colours import RareColours

Looks = Callable[[Tensor, Tensor], Tensor]  # how different two batches of pictures look


class PictureLoss:
    """The part of a tokenizer's loss that looks at pixels (B, 3, H, W) in [-1, 1] only."""

    def __init__(
        self, weights: PictureWeights, colours: RareColours, looks: Looks | None = None
    ) -> None:
        """`looks` is needed for a perceptual weight above 0."""
        self._weights = weights
        self._colours = colours
        self._looks = looks if weights.perceptual else None

    def __call__(self, rebuilt: Tensor, pixels: Tensor) -> Losses:
        error = (rebuilt - pixels).abs()
        l1, rare_l1 = error.mean(), (self._colours.weight(pixels) * error).mean()
        gradient, texture = torch.zeros_like(l1), torch.zeros_like(l1)
        for axis in (2, 3):
            ours, real = rebuilt.diff(dim=axis), pixels.diff(dim=axis)
            gradient = gradient + (ours - real).abs().mean()
            texture = texture + (_mean_of_cells(ours) - _mean_of_cells(real)).abs().mean()
        weights = self._weights
        loss = (
            torch.lerp(l1, rare_l1, weights.rare_colours)
            + weights.square * error.square().mean()
            + weights.gradient * gradient
            + weights.texture * texture
        )
        losses = {"l1": l1, "rare_l1": rare_l1, "gradient": gradient, "texture": texture}
        if self._looks is not None:
            losses["perceptual"] = self._looks(rebuilt, pixels)
            loss = loss + weights.perceptual * losses["perceptual"]
        return losses | {"loss": loss}


def _mean_of_cells(differences: Tensor) -> Tensor:
    """How much goes on in every cell of 4 x 4 pixels, wherever in it."""
    return nnf.avg_pool2d(differences.abs(), 4)
