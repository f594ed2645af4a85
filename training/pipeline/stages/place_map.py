"""The stage of a place's map. The map trains on the teacher's recordings."""

import torch

from model.place.map import PlaceMap
from training.data.encoding import LatentCache
from training.data.index.manifest import index_recordings
from training.data.latents import LatentRecording
from training.data.source import RecordingFolder, Split
from training.device import pick_device
from training.loop.optimizers import map_optimizers
from training.loop.trainer import Budget, Trainer, TrainingError
from training.objectives.place_map import PlaceFit
from training.pipeline.stages.tokenizer import encoding_tokenizer
from training.recipes.numbers import numbers_of
from training.recipes.recipe import MapRecipe, Recipe
from training.run import Run

STAGE = "map"


def train_map(recipe: Recipe, run: Run, budget: Budget) -> None:
    """Does nothing for a recipe without a place."""
    if recipe.preset.nfd.place is None:
        return
    settings = _settings(recipe)
    place, trainer = _map_trainer(recipe, run)
    objective = PlaceFit(place, _recordings(recipe, run, "train"), settings.batch_size)
    averaged = trainer.averaged
    assert isinstance(averaged, PlaceMap)
    held = PlaceFit(averaged, _recordings(recipe, run, "validation"), settings.batch_size)
    trainer.train(objective, budget, held)


def trained_map(recipe: Recipe, run: Run) -> PlaceMap:
    run.require(STAGE)
    averaged = _map_trainer(recipe, run)[1].averaged
    assert isinstance(averaged, PlaceMap)
    return averaged.eval().requires_grad_(False)


def _recordings(recipe: Recipe, run: Run, split: Split) -> list[LatentRecording]:
    recordings = RecordingFolder(run.recordings, recipe.action_space.entries)
    entries = list(index_recordings(recordings, run.manifest).of(split))
    return LatentCache(run.latents, encoding_tokenizer(recipe, run)).encoded(recordings, entries)


def _map_trainer(recipe: Recipe, run: Run) -> tuple[PlaceMap, Trainer]:
    nfd, settings = recipe.preset.nfd, _settings(recipe)
    assert nfd.place is not None
    torch.manual_seed(0)
    cell = (nfd.latent_channels, nfd.grid_height, nfd.grid_width)
    place = PlaceMap(nfd.place, *cell).to(pick_device())
    optimizers = map_optimizers(place, muon_lr=settings.muon_lr, adamw_lr=settings.adamw_lr)
    return place, Trainer(
        run.folder,
        STAGE,
        place,
        optimizers,
        ema_decay=settings.ema_decay,
        settings=numbers_of(settings),
    )


def _settings(recipe: Recipe) -> MapRecipe:
    if recipe.map is None:
        raise TrainingError(f"the {recipe.name} recipe has a place and no numbers for its map")
    return recipe.map
