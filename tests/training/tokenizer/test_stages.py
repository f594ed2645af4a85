"""The second stage on a run folder: no latent moves, and a decoder never meets another encoder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.tokenizer.vae import pixels_from_uint8
from training.data.games.toy import ToyRecorder
from training.loop.trainer import Budget, TrainingError
from training.recipes.debug import debug
from training.recipes.recipe import Recipe
from training.run import Run
from training.tokenizer.stages import (
    encoding_tokenizer,
    train_decoder,
    train_tokenizer,
    trained_tokenizer,
)

STEPS = Budget(steps=3)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """With a tokenizer of three steps."""
    run = Run(tmp_path)
    for folder, seed in ((run.train_recordings, 0), (run.held_out_recordings, 1)):
        ToyRecorder().record(num_frames=40, seed=seed).save(folder / "00000")
    train_tokenizer(debug(), run, STEPS)
    return run


def _pixels(run: Run) -> torch.Tensor:
    frames = np.load(run.held_out_recordings / "00000" / "frames.npy")
    return pixels_from_uint8(torch.from_numpy(frames))


def _light() -> Recipe:
    recipe = debug()
    return replace(recipe, decoder=replace(recipe.decoder, is_light=True))


def test_the_second_stage_moves_the_picture_and_not_one_bit_of_a_latent(run: Run) -> None:
    before = encoding_tokenizer(debug(), run)
    train_decoder(debug(), run, STEPS)
    after = trained_tokenizer(debug(), run)
    latents = before.encode(_pixels(run))
    assert torch.equal(after.encode(_pixels(run)), latents)
    assert torch.equal(encoding_tokenizer(debug(), run).encode(_pixels(run)), latents)
    assert not torch.equal(after.decode(latents), before.decode(latents))


def test_a_decoder_never_meets_the_encoder_of_another_tokenizer(run: Run) -> None:
    train_decoder(debug(), run, STEPS)
    train_tokenizer(debug(), run, STEPS)
    with pytest.raises(TrainingError, match="earlier tokenizer"):
        trained_tokenizer(debug(), run)


def test_a_light_decoder_draws_the_same_latents_with_less(run: Run) -> None:
    with pytest.raises(FileNotFoundError, match="no light_decoder yet"):
        trained_tokenizer(_light(), run)
    train_decoder(_light(), run, STEPS)
    light, heavy = trained_tokenizer(_light(), run), trained_tokenizer(debug(), run)
    assert torch.equal(light.encode(_pixels(run)), heavy.encode(_pixels(run)))
    sizes = [sum(p.numel() for p in vae.decoder.parameters()) for vae in (light, heavy)]
    assert sizes[0] < 0.7 * sizes[1]
