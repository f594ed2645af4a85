"""`python -m training drift`: the contest by the command line, and its table."""

import argparse
from collections.abc import Iterator
from itertools import chain

from training.ablations.drift.contest import WAYS, DriftRow, contest
from training.commands.contest_arguments import add_contest_arguments
from training.evaluate.measures.horizon import HorizonPoint
from training.evaluate.measures.steering import Steering
from training.evaluate.report.markdown import lines
from training.recipes.named import recipe_named
from training.run import Run

_TITLES = (
    "trained on",
    "steps",
    "turns, forward",
    "zoom",
    "PSNR @16, dB",
    "actions, F1",
    "Fréchet (own) @16",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    add_contest_arguments(parser)
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=WAYS,
        default=list(WAYS),
        metavar="WAY",
        help=f"rows to train, quoted; all of: {', '.join(WAYS)}",
    )


def run_command(arguments: argparse.Namespace) -> None:
    ways = {name: WAYS[name] for name in arguments.ways}
    rows = contest(recipe_named(arguments.recipe), Run(arguments.run), arguments.seconds, ways)
    for line in markdown(rows):
        print(line, flush=True)
    print("\nAfter @: gradient kept, motion, Fréchet distance (own), of the frames up to that one.")


def markdown(rows: Iterator[DriftRow]) -> Iterator[str]:
    """Line by line, as the rows come."""
    first = next(rows)
    titles = (*_TITLES, *(f"@{point.frame}" for point in first.card.horizon))
    return lines(titles, map(_cells, chain([first], rows)))


def _cells(row: DriftRow) -> tuple[str, ...]:
    card = row.card
    return (
        row.name,
        str(row.trained or ""),
        *_steering(card.steering),
        f"{card.served.psnr_16:.2f}",
        f"{card.served.following.f1:.2f}",
        f"{card.served.frechet_own:.0f}",
        *map(_point, card.horizon),
    )


def _steering(steering: Steering | None) -> tuple[str, str]:
    """Empty where a world has nothing to steer by."""
    if steering is None:
        return "", ""
    obeyed = f"{steering.turns_opposite}, {steering.forward_nearer}"
    return obeyed, f"{steering.forward_zoom:.2f}"


def _point(point: HorizonPoint) -> str:
    return f"{point.gradient_ratio:.2f}, {point.motion_ratio:.2f}, {point.frechet_own:.0f}"
