"""How the teacher is trained: by this process, or by several together. Nothing else."""

from collections.abc import Callable
from functools import partial

from training import stages
from training.loop.trainer import Budget
from training.recipes.recipe import Recipe
from training.run import Run


def teacher_training(num_workers: int) -> Callable[[Recipe, Run, Budget], None]:
    if num_workers == 1:
        return stages.train_teacher
    from training.distributed.ray_train import train_teacher_together  # late: Ray is an extra

    return partial(train_teacher_together, num_workers=num_workers)
