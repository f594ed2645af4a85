"""`python -m training distillations`: the contest by the command line, and its table."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.distillation.contest import Row, contest
from training.evaluate.confidence import Estimate
from training.recipes.named import recipe_named
from training.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("--recipe", choices=("debug", "freedoom"), default="debug")
    parser.add_argument("--run", type=Path, default=Path("build/runs/debug"),
                        help="folder of a run that has a teacher")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=60.0, help="of training for each")
    parser.add_argument("--passages", type=int, help="to dream after; else what the recipe says")


def run_command(arguments: argparse.Namespace) -> None:
    recipe = recipe_named(arguments.recipe)
    num_passages = arguments.passages or recipe.extent.num_passages
    recipe = replace(recipe, extent=replace(recipe.extent, num_passages=num_passages))
    rows = contest(recipe, Run(arguments.run), arguments.seconds)
    print(table(rows))
    print(f"\n± is half of the 95 % interval over {num_passages} passages.")


def table(rows: Sequence[Row]) -> str:
    header = (
        "distilled by", "trained", "steps", "PSNR @16, dB", "gradient", "Fréchet (own)",
        "actions, F1", "read by the oracle", "PSNR less sCM's", "Fréchet less sCM's",
    )  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        scores = row.scores
        cells = (
            row.name, str(row.trained or ""), str(row.num_steps), _cell(scores.psnr_16, 2),
            _cell(scores.gradient_16, 2), _cell(scores.frechet_own, 0),
            _cell(scores.following.f1, 3), _cell(scores.oracle, 3) if scores.oracle else "",
            *((_cell(row.margin.psnr_16, 2), _cell(row.margin.frechet_own, 0))
              if row.margin else ("", "")),
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(figure: Estimate, digits: int) -> str:
    margin = (figure.high - figure.low) / 2
    return f"{figure.value:.{digits}f} ± {margin:.{digits}f}"
