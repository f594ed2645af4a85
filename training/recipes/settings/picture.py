"""Weights of the terms of a tokenizer's picture loss."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureWeights:
    """L1 keeps colours and blurs edges. `gradient` weighs the error of spatial differences, and
    `texture` the error of their local mean size, which ignores phase. `rare_colours`: share of the
    L1 that is weighted by the rarity of a colour. `square` weighs the squared error, which missing
    small objects dominate; `perceptual` weighs the perceptual distance.
    """

    gradient: float = 2.0
    texture: float = 1.0
    rare_colours: float = 0.0
    square: float = 0.0
    perceptual: float = 0.0
