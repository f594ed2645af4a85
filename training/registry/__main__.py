"""`python -m training.registry BUNDLE REGISTRY`: publishes the world of a folder, such as the
shipped world, as a version. Submitted runs publish their own worlds."""

import argparse
import sys
from pathlib import Path

from model.world import WorldError
from training.registry.lineage import lineage_of
from training.registry.publish import publish
from training.registry.registry import Registry, RegistryError
from training.run import Run


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.registry", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of the world")
    parser.add_argument("registry", type=Path, help="folder of the registry")
    parser.add_argument("--run", type=Path, help="folder of the run that made it, for its lineage")
    given = parser.parse_args(argv)
    registry = Registry(given.registry)
    try:
        lineage = lineage_of(Run(given.run or given.bundle), given.bundle, data="")
        version = publish(registry, given.bundle, lineage=lineage)
    except (RegistryError, WorldError, OSError, ValueError, KeyError) as error:
        print(f"registry: {error}", file=sys.stderr)
        return 1
    print(registry.folder(version.name, version.digest))
    return 0


if __name__ == "__main__":
    sys.exit(main())
