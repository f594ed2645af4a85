"""`python -m services.generation.world_check PRECISION UPSCALE FOLDER...`: can the worlds be
served?

A process of its own: the caller does not keep torch and a world in memory."""

import sys

from model.int8.serving import why_not_int8
from model.world import World, WorldError
from services.generation.settings import PREFIX
from services.generation.video.h264_level import choose_upscale


def main() -> None:
    precision, upscale, *folders = sys.argv[1:]
    for folder in folders:
        _check(folder, int(upscale))
    if precision == "int8" and (reason := why_not_int8()):
        sys.exit(f"{PREFIX}PRECISION is int8, but {reason}. With auto it would be fp32 here.")


def _check(folder: str, upscale: int) -> None:
    try:
        spec = World.load(folder).spec
    except WorldError as error:
        sys.exit(f"{error}. {PREFIX}WORLD names the folders of the worlds to serve.")
    try:
        choose_upscale(upscale, spec.width, spec.height, spec.fps)
    except ValueError as error:
        sys.exit(f"{error}.")


if __name__ == "__main__":
    main()
