"""`python -m services.generation.world_check PATH`: whether a world can be served.

Its own process, so that whoever asks need not hold a world and torch in memory afterwards.
"""

import sys

from model.world import World, WorldError


def main() -> None:
    try:
        World.load(sys.argv[1])
    except WorldError as error:
        sys.exit(f"generation: {error}")


if __name__ == "__main__":
    main()
