"""Which recordings a recipe learns from, where whoever starts it says so. Reads none of them."""

from dataclasses import replace
from pathlib import Path

from training.data.vpt.folder import VptFolder
from training.loop.trainer import TrainingError
from training.recipes.recipe import Recipe


def with_recordings(recipe: Recipe, folder: Path) -> Recipe:
    """Raises TrainingError where the recipe films by itself."""
    if not isinstance(recipe.recorder, VptFolder):
        raise TrainingError(f"the {recipe.name} recipe films by itself; name no recordings")
    return replace(recipe, recorder=replace(recipe.recorder, folder=folder))
