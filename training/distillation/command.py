"""`python -m training distillations`: the contest by the command line, and its table."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.distillation.contest import Row, contest
from training.recipes.named import recipe_named
from training.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("--recipe", choices=("debug", "freedoom"), default="debug")
    parser.add_argument("--run", type=Path, default=Path("build/runs/debug"),
                        help="folder of a run that has a teacher")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=60.0, help="of training for each")


def run_command(arguments: argparse.Namespace) -> None:
    rows = contest(recipe_named(arguments.recipe), Run(arguments.run), arguments.seconds)
    print(table(rows))


def table(rows: Sequence[Row]) -> str:
    header = (
        "distilled by", "trained", "steps", "PSNR @16, dB", "gradient", "Fréchet (own)",
        "actions, F1", "read by the oracle",
    )  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        scores = row.scores
        oracle = f"{scores.oracle.value:.3f}" if scores.oracle else ""
        cells = (
            row.name, str(row.trained or ""), str(row.num_steps), f"{scores.psnr_16.value:.2f}",
            f"{scores.gradient_16.value:.2f}", f"{scores.frechet_own.value:.2f}",
            f"{scores.following.f1.value:.3f}", oracle,
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
