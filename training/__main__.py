"""`python -m training`: make a world, stage by stage, or measure one.

    python -m training debug                          the toy world, everything, three minutes
    python -m training freedoom --stage record        film play in ViZDoom
    python -m training freedoom --stage tokenizer --minutes 9 --keep-going
    python -m training freedoom --stage decoder --minutes 9     if it pays: sharper, same latents
    python -m training freedoom_hall --stage map --minutes 9    where the world has a place
    python -m training freedoom --stage teacher --minutes 9 --keep-going
    python -m training freedoom --stage student --minutes 9
    python -m training freedoom --stage release
    python -m training evaluate                       the shipped worlds' cards -> build/eval.json
    python -m training decoders RUN ...               what tokenizers make of the same pictures
    python -m training stock FOLDER                   what a folder of VPT recordings holds
    python -m training film                           its moving picture -> play.webp beside it
    python -m training distillations                  three ways of distilling, in a table
    python -m training drift                          five ways of training against drift, likewise
    python -m training compare                        NFD against drawing token by token, in a table

Every stage goes on where the last call of it stopped, and takes up a call that was killed; a whole
recipe does the stages that are left. `--keep-going` leaves the learning rate up for the next call;
without it a call ends the stage with the rate cooled down to zero, so of several calls of a stage
only the last goes without. `--workers 8` trains the teacher on so many GPUs.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from model.arguments import above_zero, at_least_one
from model.world import World
from training import release, stages
from training.ablations.autoregression import command as compare
from training.ablations.distillation import command as distillations
from training.ablations.drift import command as drift
from training.data.inventory import stock
from training.data.pictures import write_webp
from training.device import limit_threads
from training.distributed.teacher import teacher_training
from training.evaluate import command as evaluation
from training.evaluate.dreams.film import film
from training.job import UNUSABLE
from training.job_state import STAGES as JOB_STAGES
from training.loop.trainer import Budget
from training.place.stages import train_map
from training.recipes.named import recipe_named
from training.recipes.overrides import (
    OF_THE_RECIPE,
    OF_THE_RUN,
    RECIPES,
    apply_overrides,
    check_overrides,
)
from training.recipes.recipe import Recipe
from training.recipes.recordings import with_recordings
from training.run import Run
from training.tokenizer import command as decoders
from training.tokenizer.stages import train_decoder, train_tokenizer

STAGES = tuple(stage for stage in JOB_STAGES if stage != "publish")


def main(argv: list[str] | None = None) -> int:
    arguments = make_parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except UNUSABLE as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    return 0


def _train(arguments: argparse.Namespace) -> None:
    recipe, run = recipe_named(arguments.recipe), Run(arguments.run)
    recipe = apply_overrides(recipe, dict(arguments.set))
    if arguments.recordings:
        recipe = with_recordings(recipe, arguments.recordings)
    lpips = tuple(arguments.lpips) if arguments.lpips else None
    decoder = replace(recipe.decoder, lpips=lpips, is_light=arguments.light)
    recipe = replace(recipe, decoder=decoder)
    limit_threads(recipe.num_threads)
    if arguments.stage != "all":
        _train_stage(recipe, run, arguments.stage, arguments)
        return
    for stage in STAGES:
        if stage == "map" and recipe.map is None:
            continue
        if not stages.has_ended(run, stage):
            _train_stage(recipe, run, stage, arguments)


def _train_stage(recipe: Recipe, run: Run, stage: str, arguments: argparse.Namespace) -> None:
    if stage == "record":
        stages.record(recipe, run, processes=os.cpu_count() or 1)
    elif stage == "release":
        weights = arguments.weights or ("student" if run.is_trained("student") else "teacher")
        world = release.release(recipe, run, arguments.out or run.folder / "world", weights)
        print((arguments.out or run.folder / "world") / "card.md", world.digest)
    else:
        train, minutes = {
            "tokenizer": (train_tokenizer, recipe.tokenizer.minutes),
            "decoder": (train_decoder, recipe.decoder.minutes),
            "map": (train_map, recipe.map.minutes if recipe.map else 0.0),
            "teacher": (teacher_training(arguments.workers), recipe.teacher.minutes),
            "student": (stages.train_student, recipe.student.minutes),
        }[stage]
        budget = Budget(
            seconds=60.0 * (minutes if arguments.minutes is None else arguments.minutes),
            steps=arguments.steps,
            cooldown=not arguments.keep_going,
        )
        train(recipe, run, budget)


def _evaluate(arguments: argparse.Namespace) -> None:
    def recipe_of(world: str) -> Recipe:
        known = world if world in RECIPES else "freedoom"
        recipe = recipe_named(arguments.recipe or known)
        if arguments.recordings:
            return with_recordings(recipe, arguments.recordings)
        return recipe

    evaluation.run_command(arguments, recipe_of)


def _film(arguments: argparse.Namespace) -> None:
    world = World.load(arguments.world)
    write_webp(arguments.world / "play.webp", film(world), fps=world.spec.fps)
    print(arguments.world / "play.webp")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar=" | ".join((*RECIPES, *OTHER_COMMANDS)))
    for name in RECIPES:
        _add_training(commands.add_parser(name, help=f"train the {name} world"), name)
    for name, (add_arguments, says) in OTHER_COMMANDS.items():
        add_arguments(commands.add_parser(name, help=says))
    return parser


def _add_training(train: argparse.ArgumentParser, name: str) -> None:
    stage = "all" if name == "debug" else None
    train.set_defaults(command=_train, recipe=name)
    train.add_argument("--stage", choices=(*STAGES, "all"), default=stage, required=not stage)
    train.add_argument("--run", type=Path, default=Path("build") / "runs" / name,
                       help="folder of the run, resumed if it is there")  # fmt: skip
    train.add_argument("--recordings", type=Path,
                       help="folder in VPT's form, for recipes that need one")  # fmt: skip
    train.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE",
                       help="a number of the recipe: decoder.adversarial=0.3")  # fmt: skip
    train.add_argument("--minutes", type=above_zero, help="budget of this call")
    train.add_argument(
        "--steps", type=at_least_one, help="end after so many steps, if that is sooner"
    )
    train.add_argument(
        "--workers", type=at_least_one, default=1, help="processes that train together"
    )
    train.add_argument("--keep-going", action="store_true", help="do not cool down yet")
    train.add_argument("--light", action="store_true", help="train or release a small decoder")
    train.add_argument("--lpips", type=Path, nargs=2, metavar=("ALEXNET", "LINEAR"),
                       help="weights for the decoder stage's perceptual term")  # fmt: skip
    train.add_argument("--weights", choices=("teacher", "student"), help="what to release")
    train.add_argument("--out", type=Path, help="folder of the released world")


def _add_evaluation(measure: argparse.ArgumentParser) -> None:
    measure.set_defaults(command=_evaluate)
    measure.add_argument("--recipe", choices=RECIPES, help="else the one of the world's name")
    measure.add_argument("--recordings", type=Path, help="folder in VPT's form, if it needs one")
    evaluation.add_arguments(measure)


def _add_film(moving: argparse.ArgumentParser) -> None:
    moving.set_defaults(command=_film)
    moving.add_argument("--world", type=Path, default=evaluation.SHIPPED_WORLD)


def _setting(text: str) -> tuple[str, float]:
    """Raises ArgumentTypeError."""
    name, _, value = text.partition("=")
    if name in OF_THE_RUN:
        raise argparse.ArgumentTypeError(f"{name} is not a number of the recipe; use --{name}")
    try:
        return next(iter(check_overrides({name: float(value)}, OF_THE_RECIPE).items()))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


OTHER_COMMANDS = {
    "evaluate": (_add_evaluation, "measure a world, write its figures as JSON"),
    "compare": (compare.add_arguments, "NFD against token-autoregressive decoding, in a table"),
    "distillations": (distillations.add_arguments, "three ways of distilling, in a table"),
    "drift": (drift.add_arguments, "ways of training against drift, in a table"),
    "decoders": (decoders.add_arguments, "tokenizers of several runs, in a table"),
    "stock": (stock.add_arguments, "look through a folder of VPT recordings"),
    "film": (_add_film, "the moving picture of a world"),
}

if __name__ == "__main__":
    sys.exit(main())
