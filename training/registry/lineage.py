"""The origin of a bundle, read from the run folder."""

import hashlib
import json
from pathlib import Path

from training.registry.version import Lineage
from training.run import Run

_TOKENIZER, _TRANSFORMER = "tokenizer", "nfd"  # how the bundle's files begin


def lineage_of(run: Run, bundle: Path, *, data: str, recordings: str = "") -> Lineage:
    """`bundle`: the world that `run` released. `data`: digest of the training recordings.
    `recordings`: the operator's name of the folder of given recordings."""
    files: dict[str, str] = json.loads((bundle / "world.json").read_bytes())["files"]
    return Lineage(
        data=data,
        tokenizer=_hash_named(files, _TOKENIZER),
        teacher=hash_of(run.state("teacher")),
        student=_hash_named(files, _TRANSFORMER),
        recordings=recordings,
    )


def hash_of(path: Path) -> str:
    """The sha256 of the file; "" for a missing file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_named(files: dict[str, str], stem: str) -> str:
    """The hash of one file, or one hash of all shards' hashes."""
    shards = [files[name] for name in sorted(files) if name.startswith((f"{stem}.", f"{stem}-"))]
    return shards[0] if len(shards) == 1 else hashlib.sha256("".join(shards).encode()).hexdigest()
