"""`python -m training drift`: the contest by the command line, and its table."""

import argparse
from pathlib import Path

from training.drift.contest import Row, contest
from training.evaluate.confidence import Estimate
from training.evaluate.measures.horizon import HorizonPoint
from training.evaluate.measures.steering import Steering
from training.recipes.named import recipe_named
from training.run import Run

_HEADER = (
    "trained on", "steps", "turns, forward", "zoom", "PSNR @16, dB", "actions, F1",
    "Fréchet (own) @16",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("--recipe", choices=("debug", "freedoom"), default="debug")
    parser.add_argument("--run", type=Path, default=Path("build/runs/debug"),
                        help="folder of a run that has a teacher")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=60.0, help="of training for each")


def run_command(arguments: argparse.Namespace) -> None:
    rows = contest(recipe_named(arguments.recipe), Run(arguments.run), arguments.seconds)
    for number, row in enumerate(rows):
        if number == 0:
            print("\n".join(header(row)), flush=True)
        print(line(row), flush=True)
    print("\nAfter @: gradient kept, motion, Fréchet distance (own), of the frames up to that one.")


def header(row: Row) -> list[str]:
    titles = (*_HEADER, *(f"@{point.frame}" for point in row.card.horizon))
    return ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]


def line(row: Row) -> str:
    card = row.card
    cells = (
        row.name, str(row.trained or ""), *_steering(card.steering), _cell(card.served.psnr_16, 2),
        _cell(card.served.following.f1, 2), _cell(card.served.frechet_own, 0),
        *map(_point, card.horizon),
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _steering(steering: Steering | None) -> tuple[str, str]:
    """Empty where a world has nothing to steer by."""
    if steering is None:
        return "", ""
    obeyed = f"{steering.turns_opposite}, {steering.forward_nearer}"
    return obeyed, f"{steering.forward_zoom:.2f}"


def _point(point: HorizonPoint) -> str:
    return f"{point.gradient_ratio:.2f}, {_cell(point.motion_ratio, 2)}, {point.frechet_own:.0f}"


def _cell(figure: Estimate, digits: int) -> str:
    margin = (figure.high - figure.low) / 2
    return f"{figure.value:.{digits}f} ± {margin:.{digits}f}"
