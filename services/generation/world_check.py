"""`python -m services.generation.world_check FOLDER`: whether a world can be served.

A process of its own, so that whoever asks need not hold torch and a world in memory afterwards.
"""

import sys

from model.world import World, WorldError


def main() -> None:
    try:
        World.load(sys.argv[1])
    except WorldError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
