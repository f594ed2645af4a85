"""Publication: a bundle becomes a version atomically.

Copy beside the final folder, flush to disk, load as generation does, then one rename. A publisher
killed before the rename leaves the registry unchanged.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model.disk import sync
from model.world import PICTURES, World, WorldError
from training.registry.registry import INDEX, NAME, Registry, RegistryError
from training.registry.version import Controls, Lineage, WorldVersion

CARD = "card.json"
MAX_CARD_BYTES = 2**20
_BUILDING = ".building-"
_ABANDONED_S = 3600.0  # no copy takes that long


class AlreadyPublished(RegistryError):
    """The registry holds the same content as `version`; nothing was written."""

    def __init__(self, version: WorldVersion) -> None:
        super().__init__(f"world {version.name!r} has version {version.digest} already")
        self.version = version


def publish(
    registry: Registry, bundle: Path, *, lineage: Lineage, run_id: str = ""
) -> WorldVersion:
    """Raises RegistryError (full disk, not a world) or AlreadyPublished."""
    try:
        with _building_folder(registry) as building:
            _copy(bundle, building)
            version = _describe(building, lineage=lineage, run_id=run_id)
            _flush(building / INDEX, version.to_json().encode())
            sync(building)
            _move(building, registry, version)
    except WorldError as error:
        raise RegistryError(f"{bundle} is not published: {error}") from error
    except OSError as error:
        raise RegistryError(f"{bundle} is not published: {error.strerror or error}") from error
    return version


@contextmanager
def _building_folder(registry: Registry) -> Iterator[Path]:
    registry.root.mkdir(parents=True, exist_ok=True)
    for left in registry.root.glob(f"{_BUILDING}*"):  # by a publisher that was killed
        if time.time() - left.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=registry.root))
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _copy(bundle: Path, building: Path) -> None:
    """The files that world.json names, the card's figures and the pictures; nothing else."""
    names = {"world.json", *_named_files(bundle)}
    names |= {path.name for path in bundle.glob("*") if path.suffix in PICTURES}
    if (bundle / CARD).exists():
        names.add(CARD)
    for name in sorted(names):
        _flush(building / name, (bundle / name).read_bytes())


def _named_files(bundle: Path) -> list[str]:
    """A first check only; World.load checks the copy."""
    try:
        names = list(json.loads((bundle / "world.json").read_bytes())["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise WorldError(f"{bundle}: world.json names no files: {error}") from error
    if odd := [name for name in names if Path(name).name != name]:
        raise WorldError(f"file name {odd[0]!r} leaves the world's folder")
    return names


def _describe(building: Path, *, lineage: Lineage, run_id: str) -> WorldVersion:
    world = World.load(building)
    spec = world.spec
    if not NAME.fullmatch(spec.name):
        raise WorldError(f"the name {spec.name!r:.80} is not fit for a folder")
    return WorldVersion(
        name=spec.name,
        digest=world.digest,
        label=spec.version,
        title=spec.title,
        created_at=datetime.now(UTC).isoformat(),
        run_id=run_id,
        controls=Controls(
            buttons=tuple(spec.action_space.buttons),
            degrees_per_count=spec.action_space.degrees_per_count,
        ),
        lineage=lineage,
        files={
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(building.iterdir())
        },
        card=_read_card(building / CARD),
    )


def _read_card(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    if path.stat().st_size > MAX_CARD_BYTES:
        raise RegistryError(f"{path} is larger than {MAX_CARD_BYTES} bytes")
    try:
        card = json.loads(path.read_bytes())
    except ValueError as error:
        raise RegistryError(f"{path} is not JSON: {error}") from error
    return card if isinstance(card, dict) else None


def _move(building: Path, registry: Registry, version: WorldVersion) -> None:
    """A rename cannot replace a folder with content, so no version is ever overwritten."""
    place = registry.folder(version.name, version.digest)
    place.parent.mkdir(exist_ok=True)
    building.chmod(0o755)
    try:
        os.rename(building, place)
    except OSError:
        if not place.exists():
            raise
        raise AlreadyPublished(registry.version(version.name, version.digest)) from None
    sync(place.parent)


def _flush(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o444)
