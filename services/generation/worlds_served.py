"""The worlds that a generation service serves, and the ports of the replicas for operators.

Reads no world and imports neither torch nor Ray: the service process needs the answers, too.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from services.generation.settings import GenerationSettings

MANIFEST = "world.json"


def find_worlds(named: Iterable[Path]) -> tuple[Path, ...]:
    """The folders of worlds, in the order of `named`. A folder of world folders stands for all of
    them, sorted by name. Raises ValueError when two world folders have the same name: the folder
    name becomes the name of a deployment."""
    found = tuple(dict.fromkeys(world for folder in named for world in _worlds_of(folder)))
    name, times = Counter(world.name for world in found).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{times} of the worlds are in folders named {name!r}: rename one folder")
    return found


def _worlds_of(folder: Path) -> list[Path]:
    """`folder` itself when the folder holds no world: loading the folder raises the error."""
    if (folder / MANIFEST).is_file():
        return [folder]
    return sorted(manifest.parent for manifest in folder.glob(f"*/{MANIFEST}")) or [folder]


def ops_ports(settings: GenerationSettings) -> tuple[int, ...]:
    """A port for each replica on a machine: `ops_port` and the ports above. A replica takes the
    first free port; a replica alone in a pod gets `ops_port`. 0: any free port."""
    if settings.ops_port == 0:
        return (0,)
    num_replicas = len(find_worlds(settings.worlds)) * settings.most_replicas
    return tuple(range(settings.ops_port, min(settings.ops_port + num_replicas, 2**16)))
