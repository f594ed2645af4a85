"""`python -m training film`: the moving picture of a world, play.webp in the world's folder."""

import argparse
from pathlib import Path

from model.world import World
from training.commands.evaluate import SHIPPED_WORLD
from training.data.pictures import write_webp
from training.evaluate.rollouts.preview import preview


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("--world", type=Path, default=SHIPPED_WORLD)


def run_command(arguments: argparse.Namespace) -> None:
    world = World.load(arguments.world)
    path = arguments.world / "play.webp"
    write_webp(path, preview(world), fps=world.spec.fps)
    print(path)
