"""Which worlds a service of replicas serves, and the ports where operators find its replicas.

Reads no world: neither torch nor Ray is imported, so that whoever starts replicas may ask, too.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from services.generation.settings import GenerationSettings

MANIFEST = "world.json"


def find_worlds(named: Iterable[Path]) -> tuple[Path, ...]:
    """The folders of worlds, in the order that they are named. A folder that holds no world but
    folders of worlds stands for all of these, by name. Raises ValueError when two worlds' folders
    have one name: a deployment is called by its world's folder."""
    found = tuple(dict.fromkeys(world for folder in named for world in _worlds_of(folder)))
    name, times = Counter(world.name for world in found).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{times} of the worlds are in folders named {name!r}: rename one folder")
    return found


def _worlds_of(folder: Path) -> list[Path]:
    """`folder` itself where it holds no world at all: whoever loads it says what is missing."""
    if (folder / MANIFEST).is_file():
        return [folder]
    return sorted(manifest.parent for manifest in folder.glob(f"*/{MANIFEST}")) or [folder]


def ops_ports(settings: GenerationSettings) -> tuple[int, ...]:
    """One port for each world on one machine: `ops_port` and those above it. A replica takes the
    first that is free, so that one in a pod of its own has `ops_port`. 0 is any free port."""
    if settings.ops_port == 0:
        return (0,)
    num_worlds = len(find_worlds(settings.worlds))
    return tuple(range(settings.ops_port, min(settings.ops_port + num_worlds, 2**16)))
