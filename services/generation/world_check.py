"""`python -m services.generation.world_check FOLDER PRECISION`: whether a world can be served so.

A process of its own, so that whoever asks need not hold torch and a world in memory afterwards.
"""

import sys

from model.int8.serving import why_not_int8
from model.world import World, WorldError
from services.generation.settings import PREFIX


def main() -> None:
    folder, precision = sys.argv[1:]
    try:
        World.load(folder)
    except WorldError as error:
        sys.exit(f"{error}. {PREFIX}WORLD names the folder of the world to serve.")
    if precision == "int8" and (reason := why_not_int8()):
        sys.exit(f"{PREFIX}PRECISION is int8, but {reason}. With auto it would be fp32 here.")


if __name__ == "__main__":
    main()
