"""Measures the current release again by the evaluation protocol of a new version. The release gate
compares figures of equal protocols only, and a finished run has both worlds at hand.
"""

import json
from pathlib import Path

from model.world import World, WorldError
from training.evaluate.measured import measure
from training.evaluate.statistics.paired_statistics import protocol_differences
from training.recipes.recipe import Recipe
from training.registry.publish import CARD
from training.registry.registry import Registry, RegistryError
from training.run import Run


def measure_current(registry: Registry, recipe: Recipe, run: Run, bundle: Path) -> None:
    """Measures the current release by the protocol of the world in `bundle`, the product of `run`,
    unless the registry holds such figures. A release that cannot be measured is logged; the release
    gate then refuses the comparison."""
    current = registry.released(recipe.name)
    if not current:
        return
    card = json.loads((bundle / CARD).read_bytes())
    try:
        known = registry.figures(registry.version(recipe.name, current), like=card)
        if not protocol_differences(card, known or {}):
            return
        world = World.load(registry.folder(recipe.name, current))
    except (RegistryError, WorldError) as error:
        print(f"the current release is not measured again: {error}")
        return
    if reason := _why_not(world, recipe, card["num_steps"]):
        print(f"the current release is not measured again: {reason}")
        return
    print(f"--- the current release {current[:12]}, measured as this version was", flush=True)
    measured = measure(world, recipe, run, recipe.evaluation, num_steps=card["num_steps"])
    registry.keep_figures(recipe.name, json.loads(measured.figures()))


def _why_not(world: World, recipe: Recipe, num_steps: int) -> str:
    spec, preset = world.spec, recipe.preset
    if spec.action_space != recipe.action_space:
        return "it has other controls"
    if (spec.width, spec.height) != (preset.width, preset.height):
        return "its frames are of another size"
    if num_steps not in spec.sampler.times:
        return f"it does not draw with {num_steps} denoise steps"
    return ""
