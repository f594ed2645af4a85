"""A run that begins with a released world: tokenizer and teacher go on from the world's networks
instead of drawn weights. Trains nothing."""

import json
from pathlib import Path

from model.world import World
from training.evaluate.rollouts.teacher import teacher_of
from training.pipeline.stages.teacher import begin_teacher
from training.pipeline.stages.tokenizer import begin_tokenizer
from training.recipes.recipe import Recipe
from training.run import Run


def adopt(recipe: Recipe, run: Run, folder: Path) -> World:
    """Begins the stages tokenizer and teacher of `run` with the networks of the world in `folder`:
    of the teacher that is kept beside a student. The stage decoder is part of the world's tokenizer
    already. Raises WorldError for an unreadable world, ValueError for a world that the recipe
    cannot go on from, TrainingError when a stage has begun.
    """
    world = World.load(folder)
    teacher = world if world.spec.sampler.kind == "euler" else teacher_of(world, folder)
    if teacher is None:
        raise ValueError(f"{folder} holds a student without its teacher; only teachers go on")
    for part, ours, theirs in (
        ("tokenizer", recipe.preset.vae, world.spec.vae),
        ("transformer", recipe.preset.nfd, world.spec.nfd),
    ):
        if ours != theirs:
            raise ValueError(f"the {part} of {folder} is {theirs}; {recipe.name} wants {ours}")
    begin_tokenizer(recipe, run, world.tokenizer)
    begin_teacher(recipe, run, teacher.transformer)
    named = {"world": world.spec.name, "version": world.spec.version, "digest": world.digest}
    run.adopted.write_text(json.dumps(named))
    return world
