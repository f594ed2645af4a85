"""Weights of the terms of a tokenizer's picture loss."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureWeights:
    """L1 alone keeps colours and blurs; the others pay for edges (`gradient`) and for as much
    texture as there was even where its phase is lost (`texture`). `rare_colours` is the share of
    the L1 that counts colours instead of pixels; `square` weighs the squared error, which small
    things that are missing altogether dominate; `perceptual` how different it looks to a network.
    """

    gradient: float = 2.0
    texture: float = 1.0
    rare_colours: float = 0.0
    square: float = 0.0
    perceptual: float = 0.0
