"""`python -m training RECIPE`: the stages of one recipe, or one of them."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from model.arguments import above_zero, at_least_one
from training.device import limit_threads
from training.job_state import STAGES as JOB_STAGES
from training.loop.trainer import Budget
from training.pipeline.adopt import adopt
from training.pipeline.release import release
from training.pipeline.run_state import has_ended
from training.pipeline.stages.by_name import stage_minutes, training_stages
from training.pipeline.stages.recordings import record, with_recordings
from training.recipes.named import recipe_named
from training.recipes.overrides import OF_THE_RECIPE, OF_THE_RUN, apply_overrides, check_overrides
from training.recipes.recipe import Recipe
from training.run import Run

ADOPT = "adopt"  # once, before other stages: the run begins with the networks of a released world
STAGES = tuple(stage for stage in JOB_STAGES if stage != "publish")


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    stage = "all" if name == "debug" else None
    parser.set_defaults(command=run_command, recipe=name)
    choices = (ADOPT, *STAGES, "all")
    parser.add_argument("--stage", choices=choices, default=stage, required=not stage)
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("build") / "runs" / name,
        help="folder of the run, resumed if it is there",
    )
    parser.add_argument(
        "--recordings", type=Path, help="folder in VPT's form, for recipes that need one"
    )
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a number of the recipe: decoder.adversarial=0.3",
    )
    parser.add_argument(
        "--world", type=Path, metavar="FOLDER", help="of a released world, for --stage adopt"
    )
    parser.add_argument("--minutes", type=above_zero, help="budget of this call")
    parser.add_argument(
        "--steps", type=at_least_one, help="end after so many steps, if that is sooner"
    )
    parser.add_argument(
        "--workers", type=at_least_one, default=1, help="processes that train together"
    )
    parser.add_argument("--keep-going", action="store_true", help="do not cool down yet")
    parser.add_argument(
        "--lpips",
        type=Path,
        nargs=2,
        metavar=("ALEXNET", "LINEAR"),
        help="weights for the decoder stage's perceptual term",
    )
    parser.add_argument("--weights", choices=("teacher", "student"), help="what to release")
    parser.add_argument("--out", type=Path, help="folder of the released world")


def run_command(arguments: argparse.Namespace) -> None:
    recipe, run = recipe_named(arguments.recipe), Run(arguments.run)
    recipe = apply_overrides(recipe, dict(arguments.set))
    if arguments.recordings:
        recipe = with_recordings(recipe, arguments.recordings)
    if arguments.lpips:
        recipe = replace(recipe, decoder=replace(recipe.decoder, lpips=tuple(arguments.lpips)))
    limit_threads(recipe.num_threads)
    if arguments.stage != "all":
        _train_stage(recipe, run, arguments.stage, arguments)
        return
    for stage in STAGES:
        if stage == "map" and recipe.map is None:
            continue
        if not has_ended(run, stage):
            _train_stage(recipe, run, stage, arguments)


def _train_stage(recipe: Recipe, run: Run, stage: str, arguments: argparse.Namespace) -> None:
    if stage == ADOPT:
        if arguments.world is None:
            raise SystemExit("--stage adopt needs --world: the folder of a released world")
        world = adopt(recipe, run, arguments.world)
        print(f"{run.folder} goes on from {world.spec.name} {world.spec.version}, {world.digest}")
    elif stage == "record":
        record(recipe, run, processes=os.cpu_count() or 1)
    elif stage == "release":
        weights = arguments.weights or ("student" if run.is_trained("student") else "teacher")
        world = release(recipe, run, arguments.out or run.folder / "world", weights)
        print((arguments.out or run.folder / "world") / "card.md", world.digest)
    else:
        minutes = arguments.minutes
        if minutes is None:
            minutes = stage_minutes(recipe).get(stage, 0.0)
        budget = Budget(
            seconds=60.0 * minutes,
            steps=arguments.steps,
            cooldown=not arguments.keep_going,
        )
        training_stages(arguments.workers)[stage](recipe, run, budget)


def _setting(text: str) -> tuple[str, float]:
    """Raises ArgumentTypeError."""
    name, _, value = text.partition("=")
    if name in OF_THE_RUN:
        raise argparse.ArgumentTypeError(f"{name} is not a number of the recipe; use --{name}")
    try:
        return next(iter(check_overrides({name: float(value)}, OF_THE_RECIPE).items()))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
