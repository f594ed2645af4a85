"""The tokenizer's first stage: encoder and decoder together. The encoder makes all latents of a
run; the second stage (`decoder.py`) changes no latent.
"""

from pathlib import Path

import torch

from model.tokenizer.vae import VAE, pixels_from_uint8
from training.data.encoding import LatentCache
from training.data.recording import load_recordings, sample_evenly
from training.device import pick_device
from training.evaluate.external_metrics.lpips import LPIPS
from training.loop.optimizers import vae_optimizers
from training.loop.trainer import Budget, Trainer, TrainingError
from training.pipeline.stages.perceptual import trained_feature_network
from training.recipes.numbers import numbers_of
from training.recipes.recipe import Recipe
from training.recipes.settings.picture import PictureWeights
from training.run import Run
from training.tokenizer.frames import FrameSource, Video
from training.tokenizer.losses.colours import RareColours
from training.tokenizer.losses.features import FeatureDistance
from training.tokenizer.losses.picture_loss import Looks, PictureLoss
from training.tokenizer.reconstruction import Reconstruction

_STATISTICS_FRAMES = 4096
_COLOUR_FRAMES = 2048
_BATCH = 64


def train_tokenizer(recipe: Recipe, run: Run, budget: Budget) -> None:
    vae, trainer = _tokenizer_trainer(recipe, run)
    settings = recipe.tokenizer
    frames = FrameSource(training_videos(recipe, run), settings.batch_size, pick_device())
    loss = picture_loss(run, settings.picture)
    trainer.train(Reconstruction(vae, frames, loss, kl=settings.kl), budget)


def encoding_tokenizer(recipe: Recipe, run: Run) -> VAE:
    """The averaged first stage with the latent statistics of the training frames. Encodes all
    latents of the run."""
    vae = first_stage(recipe, run)
    _measure_latents(vae, run)
    return vae


def begin_tokenizer(recipe: Recipe, run: Run, released: VAE) -> None:
    """Begins the stage with the networks and the latent statistics of a released tokenizer. Raises
    TrainingError when the stage has begun."""
    vae, trainer = _tokenizer_trainer(recipe, run)
    trainer.begin_with(released.state_dict())
    vae.load_state_dict(released.state_dict())
    LatentCache(run.latents, vae).keep_statistics()


def first_stage(recipe: Recipe, run: Run) -> VAE:
    """The averaged first stage, without latent statistics. Raises FileNotFoundError before the
    stage has saved a state."""
    run.require("tokenizer")
    vae = _tokenizer_trainer(recipe, run)[1].averaged
    assert isinstance(vae, VAE)
    return vae.eval().requires_grad_(False)


def picture_loss(
    run: Run, weights: PictureWeights, lpips: tuple[Path, Path] | None = None
) -> PictureLoss:
    """The picture loss for the colours of the run's recordings. The perceptual term is LPIPS where
    `lpips` names weights, else the run's feature network. Raises TrainingError for files without
    LPIPS weights."""
    colours = RareColours.of(sample_evenly(videos_in(run.train_recordings), _COLOUR_FRAMES))
    return PictureLoss(weights, colours, _looks(run, weights, lpips))


def training_videos(recipe: Recipe, run: Run) -> list[Video]:
    """The train split, and the recordings of `tokenizer_recorder` where the recipe has one."""
    videos = videos_in(run.train_recordings)
    if recipe.tokenizer_recorder is not None:
        videos += videos_in(run.tokenizer_recordings)
    return videos


def videos_in(folder: Path) -> list[Video]:
    return [recording.frames for recording in load_recordings(folder)]


def _tokenizer_trainer(recipe: Recipe, run: Run) -> tuple[VAE, Trainer]:
    torch.manual_seed(0)
    vae = VAE(recipe.preset.vae).to(pick_device())
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = vae_optimizers(vae, lr=recipe.tokenizer.lr)
    return vae, Trainer(
        run.folder,
        "tokenizer",
        vae,
        optimizers,
        ema_decay=recipe.tokenizer.ema_decay,
        settings=numbers_of(recipe.tokenizer),
    )


def _looks(run: Run, weights: PictureWeights, lpips: tuple[Path, Path] | None) -> Looks | None:
    if not weights.perceptual:
        return None
    if lpips is not None:
        try:
            return LPIPS.load(*lpips).to(pick_device()).distance
        except ValueError as error:
            raise TrainingError(str(error)) from error
    videos = load_recordings(run.train_recordings)
    return FeatureDistance(trained_feature_network(run.folder, videos, pick_device()))


@torch.no_grad()
def _measure_latents(vae: VAE, run: Run) -> None:
    """Sets the mean and the standard deviation per channel by which `encode` normalises latents.
    Measures once per tokenizer and reads the stored values afterwards."""
    cache = LatentCache(run.latents, vae)
    if cache.restore_statistics():
        return
    picked = sample_evenly(videos_in(run.train_recordings), _STATISTICS_FRAMES)
    device = next(vae.parameters()).device
    means = [
        vae.posterior(pixels_from_uint8(torch.from_numpy(picked[i : i + _BATCH]).to(device)))[0]
        for i in range(0, len(picked), _BATCH)
    ]
    latents = torch.cat(means)
    vae.latent_mean.copy_(latents.mean(dim=(0, 2, 3)))
    vae.latent_std.copy_(latents.std(dim=(0, 2, 3)))
    cache.keep_statistics()
