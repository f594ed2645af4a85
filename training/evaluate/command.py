"""`python -m training evaluate`: measures a published world → build/eval.json, its pictures beside
it, and the card on the screen."""

import argparse
import json
from pathlib import Path
from typing import get_args

from model.arguments import at_least_one
from model.int8.serving import CpuPrecision, in_precision
from model.world import World, WorldSpec
from training.data.pictures import write_png
from training.evaluate.dreams.dream import remembering
from training.evaluate.dreams.teacher import teacher_of
from training.evaluate.evaluation import evaluate
from training.evaluate.extent import QUICK
from training.evaluate.given.fvd import I3DFeatures
from training.evaluate.given.lpips import LPIPS
from training.evaluate.material import GivenNetworks, gather
from training.evaluate.report.card import to_json
from training.evaluate.report.page import to_markdown
from training.loop.trainer import TrainingError
from training.recipes.recipe import Recipe
from training.registry.registry import Registry, RegistryError
from training.run import Run

SHIPPED_WORLD = Path("model/worlds/freedoom")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=Path, default=SHIPPED_WORLD)
    parser.add_argument("--run", type=Path, default=Path("build/runs/evaluate"),
                        help="where held-out play and the action reader are kept")  # fmt: skip
    parser.add_argument(
        "--steps", type=at_least_one, help="denoise steps, else the world's default"
    )
    parser.add_argument("--memory", type=at_least_one, metavar="FRAMES",
                        help="frames of context that a frame sees, else all that it can: "
                        "so it is served on the ladder's rung of a short memory")  # fmt: skip
    parser.add_argument("--precision", choices=get_args(CpuPrecision), default="fp32",
                        help="numbers that its frames are computed with")  # fmt: skip
    parser.add_argument("--quick", action="store_true",
                        help="fewer starts and short dreams: wide intervals")  # fmt: skip
    parser.add_argument("--teacher", type=Path, help="bundle to dream with 18 steps beside it, "
                        "else the teacher that the world keeps")  # fmt: skip
    parser.add_argument("--lpips", type=Path, nargs=2, metavar=("ALEXNET", "LINEAR"),
                        help="weights: alexnet of torchvision, alex.pth of lpips")  # fmt: skip
    parser.add_argument("--fvd", type=Path, metavar="I3D",
                        help="TorchScript of I3D; it is code, give one you trust")  # fmt: skip
    parser.add_argument("--registry", type=Path, help="keep the figures there too, beside the "
                        "version: the judge compares by them")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("build/eval.json"))


def run_command(recipe: Recipe, arguments: argparse.Namespace) -> None:
    """Raises TrainingError or OSError when what was given cannot be used, before it measures."""
    try:
        given = GivenNetworks(
            lpips=LPIPS.load(*arguments.lpips) if arguments.lpips else None,
            fvd_features=I3DFeatures(arguments.fvd) if arguments.fvd else None,
        )
        published = World.load(arguments.world)
        world = in_precision(published, arguments.precision)
        if arguments.memory:
            world = remembering(world, arguments.memory)
        if arguments.teacher:
            teacher: World | None = World.load(arguments.teacher)
        else:
            teacher = teacher_of(published, arguments.world)
        if arguments.registry and arguments.memory:
            raise ValueError(
                "what a world is with less memory is not kept as the version's figures"
            )
        if arguments.registry:  # said now, not when all is measured
            Registry(arguments.registry).version(world.spec.name, world.digest)
    except (ValueError, RegistryError) as error:
        raise TrainingError(str(error)) from error
    num_steps = arguments.steps or world.spec.sampler.default_steps
    _check(world.spec, recipe, num_steps)
    if teacher is not None:
        _check(teacher.spec, recipe, teacher.spec.sampler.default_steps)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    extent = QUICK if arguments.quick else recipe.extent
    material = gather(recipe, Run(arguments.run), extent, given)
    measured = evaluate(world, material, num_steps=num_steps, teacher=teacher)
    figures, title = to_json(measured.card), world.spec.title
    if arguments.memory:
        figures = json.dumps(json.loads(figures) | {"memory": arguments.memory}, indent=1) + "\n"
        title += f", {arguments.memory} frames of context"
    arguments.out.write_text(figures)
    if arguments.registry:
        Registry(arguments.registry).keep_figures(world.spec.name, json.loads(figures))
    write_png(arguments.out.with_suffix(".contact_sheet.png"), measured.contact_sheet)
    if measured.steering is not None:
        write_png(arguments.out.with_suffix(".steering.png"), measured.steering)
    print(to_markdown(measured.card, title=title, licence=world.spec.licence))


def _check(spec: WorldSpec, recipe: Recipe, num_steps: int) -> None:
    """That the world can be measured by what this recipe films. Raises TrainingError."""
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
