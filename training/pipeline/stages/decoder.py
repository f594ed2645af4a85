"""The tokenizer's second stage: the decoder alone trains further behind the frozen encoder. Latents
stay bitwise equal, so the models trained on the latents stay valid.
"""

import copy

import numpy as np
import torch
from numpy.typing import NDArray

from model.tokenizer.vae import VAE
from training.data.recording import sample_evenly
from training.device import pick_device
from training.evaluate.measures.fidelity import measure_tokenizer
from training.evaluate.rollouts.generate import reconstruct
from training.loop.optimizers import critic_optimizers, vae_optimizers
from training.loop.trainer import Budget, Trainer, TrainingError
from training.pipeline.stages.tokenizer import (
    encoding_tokenizer,
    first_stage,
    picture_loss,
    training_videos,
    videos_in,
)
from training.recipes.numbers import numbers_of
from training.recipes.recipe import Recipe
from training.run import Run
from training.tokenizer.frames import FrameSource
from training.tokenizer.reconstruction import Redecoding, SecondStage

STAGE = "decoder"
_HELD_OUT_FRAMES = 256


def train_decoder(recipe: Recipe, run: Run, budget: Budget) -> None:
    """Prints the fidelity on held-out frames before and after the stage."""
    before = encoding_tokenizer(recipe, run)
    players, trainer = _decoder_trainer(recipe, run, before)
    settings = recipe.decoder
    frames = FrameSource(training_videos(recipe, run), settings.batch_size, pick_device())
    loss = picture_loss(run, settings.picture, settings.lpips)
    trainer.train(Redecoding(players, frames, loss, adversarial=settings.adversarial), budget)
    held_out = sample_evenly(videos_in(run.held_out_recordings), _HELD_OUT_FRAMES)
    print(f"held-out frames before: {_fidelity(before, held_out)}")
    print(f"held-out frames after:  {_fidelity(_averaged(trainer), held_out)}")


def trained_tokenizer(recipe: Recipe, run: Run) -> VAE:
    """The tokenizer of the released world: with the second stage where the run has one."""
    if not run.is_trained(STAGE):
        return encoding_tokenizer(recipe, run)
    return _averaged(_decoder_trainer(recipe, run, first_stage(recipe, run))[1])


def _averaged(trainer: Trainer) -> VAE:
    averaged = trainer.averaged
    assert isinstance(averaged, SecondStage)
    return averaged.vae.eval().requires_grad_(False)


def _decoder_trainer(recipe: Recipe, run: Run, encoder: VAE) -> tuple[SecondStage, Trainer]:
    """Raises TrainingError for a saved decoder of another encoder."""
    settings = recipe.decoder
    players = SecondStage(copy.deepcopy(encoder)).to(pick_device())
    optimizers = vae_optimizers(players.vae.decoder, lr=settings.lr)
    optimizers += critic_optimizers(players.critic, lr=settings.critic_lr)
    trainer = Trainer(
        run.folder,
        STAGE,
        players,
        optimizers,
        ema_decay=settings.ema_decay,
        settings=numbers_of(settings),
    )
    if not _have_equal_encoders(encoder, players.vae):
        raise TrainingError(
            f"{run.state(STAGE)} is of an earlier tokenizer; remove it to begin anew"
        )
    return players, trainer


def _have_equal_encoders(one: VAE, other: VAE) -> bool:
    theirs = other.encoder.state_dict()
    return all(torch.equal(value, theirs[key]) for key, value in one.encoder.state_dict().items())


def _fidelity(vae: VAE, frames_NHWC: NDArray[np.uint8]) -> str:
    kept = measure_tokenizer(frames_NHWC, reconstruct(vae, frames_NHWC))
    hues = ", ".join(f"{hue} {share:.2f}" for hue, share in kept.colour.kept_by_hue.items())
    return (
        f"PSNR {kept.psnr_db.value:.2f} dB, gradient kept {kept.gradient_ratio:.3f}, "
        f"strong colours kept {kept.colour.kept:.3f} ({hues})"
    )
