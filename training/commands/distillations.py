"""`python -m training distillations`: the contest by the command line, and its table."""

import argparse
from collections.abc import Sequence
from dataclasses import replace

from model.arguments import at_least_one
from training.ablations.distillation.contest import DistillationRow, contest
from training.commands.contest_arguments import add_contest_arguments
from training.evaluate.report.markdown import table
from training.recipes.named import recipe_named
from training.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    add_contest_arguments(parser)
    parser.add_argument(
        "--clips",
        "--passages",
        type=at_least_one,
        help="number of evaluation clips, else the recipe's",
    )


def run_command(arguments: argparse.Namespace) -> None:
    recipe = recipe_named(arguments.recipe)
    num_passages = arguments.clips or recipe.evaluation.num_passages
    recipe = replace(recipe, evaluation=replace(recipe.evaluation, num_passages=num_passages))
    rows = contest(recipe, Run(arguments.run), arguments.seconds)
    print(markdown(rows))
    print(f"\n± is half of the 95 % interval over {num_passages} passages.")


def markdown(rows: Sequence[DistillationRow]) -> str:
    titles = (
        "distilled by",
        "trained",
        "steps",
        "PSNR @16, dB",
        "gradient",
        "Fréchet (own)",
        "actions, F1",
        "read by the oracle",
        "PSNR less sCM's",
        "Fréchet less sCM's",
    )
    return table(titles, map(_cells, rows))


def _cells(row: DistillationRow) -> tuple[str, ...]:
    scores, margin = row.scores, row.margin
    return (
        row.name,
        str(row.trained or ""),
        str(row.num_steps),
        f"{scores.psnr_16:.2f}",
        f"{scores.gradient_16:.2f}",
        f"{scores.frechet_own:.0f}",
        f"{scores.following.f1:.3f}",
        f"{scores.oracle:.3f}" if scores.oracle else "",
        *((f"{margin.psnr_16:.2f}", f"{margin.frechet_own:.0f}") if margin else ("", "")),
    )
