"""Where a bundle came from, read from the run folder that made it."""

import hashlib
import json
from pathlib import Path

from training.registry.version import Lineage
from training.run import Run

_TOKENIZER, _TRANSFORMER = "tokenizer", "nfd"  # how the bundle's files begin


def lineage_of(run: Run, bundle: Path) -> Lineage:
    """`bundle` is the world that `run` released."""
    files: dict[str, str] = json.loads((bundle / "world.json").read_bytes())["files"]
    return Lineage(
        data=_hash_folder(run.train_recordings),
        tokenizer=_hash_named(files, _TOKENIZER),
        teacher=_hash_file(run.folder / "teacher.pt"),
        student=_hash_named(files, _TRANSFORMER),
    )


def _hash_folder(folder: Path) -> str:
    """Of all files in it and their places."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder)} {_hash_file(path)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else ""


def _hash_file(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_named(files: dict[str, str], stem: str) -> str:
    """The hash of one file, or of its shards' hashes together."""
    shards = [files[name] for name in sorted(files) if name.startswith((f"{stem}.", f"{stem}-"))]
    return shards[0] if len(shards) == 1 else hashlib.sha256("".join(shards).encode()).hexdigest()
