"""The training stages by name, with the minutes of each."""

from collections.abc import Callable
from functools import partial

from training.loop.trainer import Budget
from training.pipeline.stages.decoder import train_decoder
from training.pipeline.stages.place_map import train_map
from training.pipeline.stages.student import train_student
from training.pipeline.stages.teacher import train_teacher
from training.pipeline.stages.tokenizer import train_tokenizer
from training.recipes.recipe import Recipe
from training.run import Run

Train = Callable[[Recipe, Run, Budget], None]


def training_stages(num_workers: int) -> dict[str, Train]:
    """The functions that train each stage; `num_workers` processes train the teacher together."""
    return {
        "tokenizer": train_tokenizer,
        "decoder": train_decoder,
        "map": train_map,
        "teacher": _teacher(num_workers),
        "student": train_student,
    }


def stage_minutes(recipe: Recipe) -> dict[str, float]:
    """The recipe's budget of each training stage; no entry for a stage that the recipe lacks."""
    minutes = {
        "tokenizer": recipe.tokenizer.minutes,
        "decoder": recipe.decoder.minutes,
        "teacher": recipe.teacher.minutes,
        "student": recipe.student.minutes,
    }
    return minutes if recipe.map is None else minutes | {"map": recipe.map.minutes}


def _teacher(num_workers: int) -> Train:
    if num_workers == 1:
        return train_teacher
    from training.pipeline.stages.ray_teacher import train_teacher_together  # late: an extra

    return partial(train_teacher_together, num_workers=num_workers)
