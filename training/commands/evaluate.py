"""`python -m training evaluate`: measures the shipped worlds, or one given world. Writes
build/eval.json and the images beside the file, and prints the cards.

`worlds` of the JSON holds the figures of each world by name. The figures of the first world are
also at the top level, as in files from before there were several worlds.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from model.arguments import at_least_one
from model.int8.serving import CpuPrecision, in_precision
from model.world import World, WorldSpec
from training.data.pictures import write_png
from training.evaluate.external_metrics.fvd import I3DFeatures
from training.evaluate.external_metrics.lpips import LPIPS
from training.evaluate.material import ExternalMetrics
from training.evaluate.measured import measure
from training.evaluate.rollouts.generate import with_context_length
from training.evaluate.rollouts.teacher import teacher_of
from training.loop.trainer import TrainingError
from training.pipeline.stages.recordings import with_recordings
from training.recipes.named import recipe_named
from training.recipes.overrides import RECIPES
from training.recipes.recipe import Recipe
from training.recipes.settings.evaluation import QUICK, QUICK_TILES
from training.registry.registry import Registry, RegistryError
from training.run import Run

SHIPPED_WORLD = Path("model/worlds/freedoom")
SHIPPED_WORLDS = (SHIPPED_WORLD, Path("model/worlds/island"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("--recipe", choices=RECIPES, help="else the one of the world's name")
    parser.add_argument("--recordings", type=Path, help="folder in VPT's form, if it needs one")
    parser.add_argument("--world", type=Path, help="a bundle, else every shipped one")
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("build/runs/evaluate"),
        help="where held-out play and the inverse dynamics model are kept, "
        "by the name of the world",
    )
    parser.add_argument(
        "--steps", type=at_least_one, help="denoise steps, else the world's default"
    )
    parser.add_argument(
        "--memory",
        type=at_least_one,
        metavar="FRAMES",
        help="frames of context that a frame sees, else all that it can: "
        "as the quality level with a short context serves it",
    )
    parser.add_argument(
        "--precision",
        choices=get_args(CpuPrecision),
        default="fp32",
        help="numbers that its frames are computed with",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer starts and short dreams: wide intervals"
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        help="bundle to dream with 18 steps beside it, else the teacher that the world keeps",
    )
    parser.add_argument(
        "--lpips",
        type=Path,
        nargs=2,
        metavar=("ALEXNET", "LINEAR"),
        help="weights: alexnet of torchvision, alex.pth of lpips",
    )
    parser.add_argument(
        "--fvd", type=Path, metavar="I3D", help="TorchScript of I3D; it is code, give one you trust"
    )
    parser.add_argument(
        "--registry",
        type=Path,
        help="keep the figures there too, beside the version: the judge compares by them",
    )
    parser.add_argument("--out", type=Path, default=Path("build/eval.json"))


def run_command(arguments: argparse.Namespace) -> None:
    """Raises TrainingError or OSError for unusable arguments, before the first measurement."""
    folders = [arguments.world] if arguments.world else [f for f in SHIPPED_WORLDS if f.exists()]
    tasks = [_task(folder, arguments) for folder in folders]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    measured: dict[str, Any] = {}
    for task in tasks:
        measured[task.world.spec.name] = _measure(task, arguments)
        first = next(iter(measured.values()))
        arguments.out.write_text(json.dumps(first | {"worlds": measured}, indent=1) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    world: World
    teacher: World | None
    recipe: Recipe
    num_steps: int
    given: ExternalMetrics


def _task(folder: Path, arguments: argparse.Namespace) -> _Task:
    try:
        given = ExternalMetrics(
            lpips=LPIPS.load(*arguments.lpips) if arguments.lpips else None,
            fvd_features=I3DFeatures(arguments.fvd) if arguments.fvd else None,
        )
        published = World.load(folder)
        world = in_precision(published, arguments.precision)
        if arguments.memory:
            world = with_context_length(world, arguments.memory)
        if arguments.teacher:
            teacher: World | None = World.load(arguments.teacher)
        else:
            teacher = teacher_of(published, folder)
        if arguments.registry and arguments.memory:
            raise ValueError(
                "what a world is with less memory is not kept as the version's figures"
            )
        if arguments.registry:  # said now, not when all is measured
            Registry(arguments.registry).version(world.spec.name, world.digest)
    except (ValueError, RegistryError) as error:
        raise TrainingError(str(error)) from error
    recipe = _recipe_for(world.spec.name, arguments)
    num_steps = arguments.steps or world.spec.sampler.default_steps
    _check(world.spec, recipe, num_steps)
    if teacher is not None:
        _check(teacher.spec, recipe, teacher.spec.sampler.default_steps)
    return _Task(world=world, teacher=teacher, recipe=recipe, num_steps=num_steps, given=given)


def _recipe_for(world: str, arguments: argparse.Namespace) -> Recipe:
    """The recipe whose recordings measure the world."""
    known = world if world in RECIPES else "freedoom"
    recipe = recipe_named(arguments.recipe or known)
    return with_recordings(recipe, arguments.recordings) if arguments.recordings else recipe


def _measure(task: _Task, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures; writes the images and prints the card."""
    spec, recipe = task.world.spec, task.recipe
    quick = QUICK_TILES if recipe.is_tiled else QUICK
    measured = measure(
        task.world,
        recipe,
        Run(arguments.run / spec.name),
        quick if arguments.quick else recipe.evaluation,
        num_steps=task.num_steps,
        teacher=task.teacher,
        given=task.given,
    )
    figures: dict[str, Any] = json.loads(measured.figures())
    title = spec.title
    if arguments.memory:
        figures["memory"] = arguments.memory
        title += f", {arguments.memory} frames of context"
    if arguments.registry:
        Registry(arguments.registry).keep_figures(spec.name, figures)
    beside = arguments.out.with_suffix("")
    write_png(Path(f"{beside}.{spec.name}.contact_sheet.png"), measured.contact_sheet)
    if measured.steering is not None:
        write_png(Path(f"{beside}.{spec.name}.steering.png"), measured.steering)
    print(measured.page(title=title, licence=spec.licence))
    return figures


def _check(spec: WorldSpec, recipe: Recipe, num_steps: int) -> None:
    """Checks that the recipe's recordings fit the world. Raises TrainingError."""
    size, films = (spec.width, spec.height), (recipe.preset.width, recipe.preset.height)
    if size != films:
        raise TrainingError(
            f"{spec.name} has pictures of {size[0]}x{size[1]}, the {recipe.name} recipe films "
            f"{films[0]}x{films[1]}; name its own with --recipe"
        )
    if spec.action_space != recipe.action_space:
        raise TrainingError(
            f"{spec.name} and the {recipe.name} recipe have not the same actions; name its own "
            "recipe with --recipe"
        )
    if num_steps not in spec.sampler.times:
        known = ", ".join(map(str, sorted(spec.sampler.times)))
        raise TrainingError(f"{spec.name} is drawn in {known} denoise steps, not in {num_steps}")
