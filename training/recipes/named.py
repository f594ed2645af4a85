"""Recipes by name. Imports only the named recipe, because the debug recipe needs no game."""

import importlib

from training.recipes.overrides import RECIPES
from training.recipes.recipe import Recipe


def recipe_named(name: str) -> Recipe:
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}")
    module = importlib.import_module(f"training.recipes.{name}")
    recipe = getattr(module, name)()
    assert isinstance(recipe, Recipe)
    return recipe
