"""Rare colours weigh more, all weights are 1 on average, and only chroma decides."""

import numpy as np
import pytest
import torch

from model.tokenizer.vae import pixels_from_uint8
from training.recipes.settings.picture import PictureWeights
from training.tokenizer.frames import Video
from training.tokenizer.losses.colours import RareColours, chroma
from training.tokenizer.losses.picture_loss import PictureLoss

GREY, BROWN, GREEN = (90, 90, 90), (110, 80, 60), (20, 240, 30)


def _room() -> Video:
    """Grey above brown, with a green monitor of one pixel in a hundred."""
    frames = np.empty((3, 20, 20, 3), np.uint8)
    frames[:, :10], frames[:, 10:] = GREY, BROWN
    frames[:, 4:6, 4:6] = GREEN
    return frames


def test_a_rare_colour_weighs_more_and_the_mean_weight_is_one() -> None:
    weight = RareColours.of(_room()).weight(pixels_from_uint8(torch.from_numpy(_room())))
    assert weight.shape == (3, 1, 20, 20)
    assert weight.mean().item() == pytest.approx(1.0)
    assert weight[0, 0, 4, 4] > 2 * weight[0, 0, 0, 0]


def test_the_weight_is_of_the_colour_whatever_its_brightness() -> None:
    colours = RareColours.of(_room())
    dark, bright = (
        pixels_from_uint8(torch.full((1, 1, 1, 3), value, dtype=torch.uint8)) for value in (5, 250)
    )
    assert torch.equal(colours.weight(dark), colours.weight(bright))
    assert chroma(bright).abs().max() < 1e-5


def test_losing_the_monitor_costs_more_with_rare_colours() -> None:
    real = _room()
    lost = real.copy()
    lost[:, 4:6, 4:6] = GREY

    def cost(share: float) -> float:
        weights = PictureWeights(gradient=0.0, texture=0.0, rare_colours=share)
        loss = PictureLoss(weights, RareColours.of(real))
        ours, truth = (pixels_from_uint8(torch.from_numpy(frames)) for frames in (lost, real))
        return loss(ours, truth)["loss"].item() - loss(truth, truth)["loss"].item()

    assert cost(1.0) > 2 * cost(0.0)
