"""What the command lines of contests share: whose teacher, and how much training each gets."""

import argparse
from pathlib import Path

from model.arguments import above_zero
from training.recipes.overrides import NEED_RECORDINGS, RECIPES

SELF_RECORDING = tuple(name for name in RECIPES if name not in NEED_RECORDINGS)


def add_contest_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", choices=SELF_RECORDING, default="debug")
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("build/runs/debug"),
        help="folder of a run that has a teacher",
    )
    parser.add_argument("--seconds", type=above_zero, default=60.0, help="of training for each")
