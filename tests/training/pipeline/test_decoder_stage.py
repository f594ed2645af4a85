"""The second stage on a run folder: no latent moves, and a decoder never meets another encoder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.tokenizer.vae import pixels_from_uint8
from training.data.games.toy import ToyRecorder
from training.loop.trainer import Budget, TrainingError
from training.pipeline.stages.decoder import train_decoder, trained_tokenizer
from training.pipeline.stages.tokenizer import encoding_tokenizer, train_tokenizer
from training.recipes.debug import debug
from training.run import Run

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
