"""Starts the workers of a run: Ray Train places one worker on each GPU (or core), joins the workers
into a process group, and restarts all workers after the loss of one; the workers resume from the
last saved state. All workers need the same run folder."""

from dataclasses import replace

import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from training.device import pick_device
from training.loop.sharded import ShardedWorkers
from training.loop.trainer import Budget, TrainingError
from training.pipeline.stages.clips import encode
from training.pipeline.stages.teacher import train_teacher
from training.recipes.recipe import Recipe
from training.run import Run

_MAX_LOSSES = 3  # of a worker, before the run counts as failed


def train_teacher_together(recipe: Recipe, run: Run, budget: Budget, *, num_workers: int) -> None:
    """`train_teacher`, divided among workers. Ray stores its files in the run folder. Raises
    TrainingError for batches that the workers cannot divide."""
    try:
        divided = replace(recipe, teacher=recipe.teacher.for_workers(num_workers))
    except ValueError as error:
        raise TrainingError(str(error)) from error
    encode(recipe, run)  # once, before they all want latents
    run = Run(run.folder.resolve())

    def work() -> None:
        train_teacher(divided, run, budget, ShardedWorkers(pick_device()))

    TorchTrainer(
        work,
        scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=torch.cuda.is_available()),
        run_config=RunConfig(
            name="teacher",
            storage_path=str(run.folder / "ray"),
            failure_config=FailureConfig(max_failures=_MAX_LOSSES),
        ),
    ).fit()
