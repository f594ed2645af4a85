"""The tokenizer's stages: the whole, then its decoder alone. Each goes on from what the run folder
holds, ends within its budget, and leaves its state there."""

import copy
from pathlib import Path

import torch

from model.presets import light_decoder
from model.tokenizer.vae import VAE, pixels_from_uint8
from training.data.encoding import LatentCache
from training.data.recording import load_recordings
from training.device import pick_device
from training.evaluate.given.lpips import LPIPS
from training.loop.optimizers import critic_optimizers, vae_optimizers
from training.loop.trainer import Budget, Trainer, TrainingError
from training.recipes.numbers import numbers_of
from training.recipes.recipe import Recipe
from training.run import Run
from training.tokenizer.fidelity import measure
from training.tokenizer.frames import Film, FrameSource, spread
from training.tokenizer.losses.colours import RareColours
from training.tokenizer.losses.features import EyeDistance, trained_eye
from training.tokenizer.losses.picture_loss import Looks, PictureLoss, PictureWeights
from training.tokenizer.reconstruction import Reconstruction, Redecoding, SecondStage

_STATISTICS_FRAMES = 4096
_COLOUR_FRAMES = 2048
_HELD_OUT_FRAMES = 256
_BATCH = 64


def train_tokenizer(recipe: Recipe, run: Run, budget: Budget) -> None:
    vae, trainer = _tokenizer_trainer(recipe, run)
    settings = recipe.tokenizer
    films = _lessons(recipe, run)
    frames = FrameSource(films, settings.batch_size, pick_device())
    loss = picture_loss(run, settings.picture)
    trainer.train(Reconstruction(vae, frames, loss, kl=settings.kl), budget)


def train_decoder(recipe: Recipe, run: Run, budget: Budget) -> None:
    """Latents stay bitwise as they are, so what was trained on them stays valid."""
    first_stage = encoding_tokenizer(recipe, run)
    players, trainer = _decoder_trainer(recipe, run, first_stage)
    settings = recipe.decoder
    films = _lessons(recipe, run)
    frames = FrameSource(films, settings.batch_size, pick_device())
    loss = picture_loss(run, settings.picture, settings.lpips)
    objective = Redecoding(players, frames, loss, adversarial=settings.adversarial)
    trainer.train(objective, budget)
    held_out = spread(_films(run.held_out_recordings), _HELD_OUT_FRAMES)
    print(f"held-out frames before: {measure(first_stage, held_out)}")
    print(f"held-out frames after:  {measure(_served(trainer), held_out)}")


def picture_loss(
    run: Run, weights: PictureWeights, lpips: tuple[Path, Path] | None = None
) -> PictureLoss:
    """By the colours of the run's films, and by LPIPS or the run's own eye. Raises TrainingError
    for weights of something else than LPIPS."""
    colours = RareColours.of(spread(_films(run.train_recordings), _COLOUR_FRAMES))
    return PictureLoss(weights, colours, _looks(run, weights, lpips))


def encoding_tokenizer(recipe: Recipe, run: Run) -> VAE:
    """The averaged first stage, with the latent statistics of the training frames in place. What
    makes latents is final with it: the second stage changes neither."""
    vae = _first_stage(recipe, run)
    _measure_latents(vae, run)
    return vae


def trained_tokenizer(recipe: Recipe, run: Run) -> VAE:
    """What is served: with the decoder of the second stage where the run has one."""
    if recipe.decoder.is_light:
        run.require(recipe.decoder.stage)
    elif not run.is_trained(recipe.decoder.stage):
        return encoding_tokenizer(recipe, run)
    return _served(_decoder_trainer(recipe, run, _first_stage(recipe, run))[1])


def _first_stage(recipe: Recipe, run: Run) -> VAE:
    run.require("tokenizer")
    vae = _tokenizer_trainer(recipe, run)[1].averaged
    assert isinstance(vae, VAE)
    return vae.eval().requires_grad_(False)


def _served(trainer: Trainer) -> VAE:
    averaged = trainer.averaged
    assert isinstance(averaged, SecondStage)
    return averaged.vae.eval().requires_grad_(False)


def _tokenizer_trainer(recipe: Recipe, run: Run) -> tuple[VAE, Trainer]:
    torch.manual_seed(0)
    vae = VAE(recipe.preset.vae).to(pick_device())
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = vae_optimizers(vae, lr=recipe.tokenizer.lr)
    return vae, Trainer(
        run.folder, "tokenizer", vae, optimizers, ema_decay=recipe.tokenizer.ema_decay,
        settings=numbers_of(recipe.tokenizer),
    )  # fmt: skip


def _decoder_trainer(recipe: Recipe, run: Run, first_stage: VAE) -> tuple[SecondStage, Trainer]:
    """Raises TrainingError where the saved decoder belongs to another encoder."""
    settings = recipe.decoder
    begun = _with_light_decoder(first_stage) if settings.is_light else copy.deepcopy(first_stage)
    players = SecondStage(begun).to(pick_device())
    optimizers = vae_optimizers(players.vae.decoder, lr=settings.lr)
    optimizers += critic_optimizers(players.critic, lr=settings.critic_lr)
    trainer = Trainer(
        run.folder, settings.stage, players, optimizers, ema_decay=settings.ema_decay,
        settings=numbers_of(settings),
    )  # fmt: skip
    if not _have_equal_encoders(first_stage, players.vae):
        raise TrainingError(
            f"{run.state(settings.stage)} is of an earlier tokenizer; remove it to begin anew"
        )
    return players, trainer


def _with_light_decoder(first_stage: VAE) -> VAE:
    """The same encoder and statistics, and a smaller decoder that knows nothing yet."""
    torch.manual_seed(0)
    vae = VAE(light_decoder(first_stage.config))
    vae.encoder.load_state_dict(first_stage.encoder.state_dict())
    vae.latent_mean.copy_(first_stage.latent_mean)
    vae.latent_std.copy_(first_stage.latent_std)
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return vae


def _have_equal_encoders(one: VAE, other: VAE) -> bool:
    theirs = other.encoder.state_dict()
    return all(torch.equal(value, theirs[key]) for key, value in one.encoder.state_dict().items())


def _lessons(recipe: Recipe, run: Run) -> list[Film]:
    """Play, and what the recipe films for the tokenizer alone."""
    films = _films(run.train_recordings)
    if recipe.tokenizer_recorder is not None:
        films += _films(run.tokenizer_recordings)
    return films


def _films(folder: Path) -> list[Film]:
    return [recording.frames for recording in load_recordings(folder)]


def _looks(
    run: Run, weights: PictureWeights, lpips: tuple[Path, Path] | None = None
) -> Looks | None:
    """LPIPS where its weights are given, else the eye that this run teaches itself. Raises
    TrainingError for weights of something else."""
    if not weights.perceptual:
        return None
    if lpips is not None:
        try:
            return LPIPS.load(*lpips).to(pick_device()).distance
        except ValueError as error:
            raise TrainingError(str(error)) from error
    films = load_recordings(run.train_recordings)
    return EyeDistance(trained_eye(run.folder, films, pick_device()))


@torch.no_grad()
def _measure_latents(vae: VAE, run: Run) -> None:
    """Sets the mean and standard deviation by which `encode` normalises, per channel; measured
    once per tokenizer."""
    cache = LatentCache(run.latents, vae)
    if cache.restore_statistics():
        return
    picked = spread(_films(run.train_recordings), _STATISTICS_FRAMES)
    device = next(vae.parameters()).device
    means = [
        vae.posterior(pixels_from_uint8(torch.from_numpy(picked[i : i + _BATCH]).to(device)))[0]
        for i in range(0, len(picked), _BATCH)
    ]
    latents = torch.cat(means)
    vae.latent_mean.copy_(latents.mean(dim=(0, 2, 3)))
    vae.latent_std.copy_(latents.std(dim=(0, 2, 3)))
    cache.keep_statistics()
