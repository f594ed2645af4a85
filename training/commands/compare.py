"""`python -m training compare`: Next-Frame Diffusion against token-autoregressive decoding in one
table, at matched parameters, equal tokens a frame and equal training time, on a recipe's films.
"""

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch

from model.arguments import above_zero
from training.ablations.autoregression.contestants import train_codes, train_contestants
from training.ablations.autoregression.material import contest_recipe, decode_orders
from training.ablations.autoregression.measure import measure
from training.ablations.autoregression.table import ComparisonRow, to_markdown
from training.commands.contest_arguments import SELF_RECORDING
from training.evaluate.material import gather
from training.loop.trainer import Budget
from training.pipeline.run_state import has_ended
from training.pipeline.stages.recordings import record
from training.pipeline.stages.tokenizer import train_tokenizer
from training.recipes.recipe import Recipe
from training.recipes.settings.evaluation import QUICK
from training.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("--recipe", choices=SELF_RECORDING, default="debug")
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("build/runs/compare"),
        help="its films and tokenizer are used, or made; all else goes into its "
        "folder compare/, which a further call goes on from",
    )
    parser.add_argument(
        "--minutes",
        type=above_zero,
        default=1.5,
        help="of processor time for each model, from nothing",
    )
    parser.add_argument(
        "--tokenizer-minutes",
        type=above_zero,
        help="of processor time for the codes, else as the recipe's",
    )
    parser.add_argument("--quick", action="store_true", help="fewer passages: wide intervals")
    parser.add_argument("--out", type=Path, default=Path("build/compare.json"))


def run_command(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)  # networks this small only lose by threads
    recipe, run = contest_recipe(arguments.recipe), Run(arguments.run)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    _prepare(recipe, run)
    budget = replace(
        QUICK if arguments.quick else recipe.evaluation, num_probes=0, long_rollouts=()
    )
    material = gather(recipe, run, budget)
    orders = decode_orders(recipe.preset.nfd)
    codes_minutes = arguments.tokenizer_minutes or recipe.tokenizer.minutes
    fsq = train_codes(recipe, run, cpu_seconds=60.0 * codes_minutes)
    contestants = train_contestants(recipe, run, fsq, orders, cpu_seconds=60.0 * arguments.minutes)
    rows: list[ComparisonRow] = []
    for line in to_markdown(_kept(measure(recipe, contestants, orders, material), rows)):
        print(line, flush=True)
    report = {"recipe": arguments.recipe, "rows": [asdict(row) for row in rows]}
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(
        f"\n{len(material.clips)} passages of held-out play; after @: the dreamt frame. The"
        "\nFréchet distance is in features of our own inverse dynamics model, so it is neither FID "
        "nor FVD."
    )


def _prepare(recipe: Recipe, run: Run) -> None:
    """Films and a tokenizer where the run has none."""
    if not run.manifest.exists():  # the last thing that recording does
        record(recipe, run, processes=os.cpu_count() or 1)
    if not has_ended(run, "tokenizer"):
        train_tokenizer(recipe, run, Budget(seconds=60.0 * recipe.tokenizer.minutes))


def _kept(rows: Iterable[ComparisonRow], into: list[ComparisonRow]) -> Iterator[ComparisonRow]:
    for row in rows:
        into.append(row)
        yield row
