"""Reads the registry's folder: the worlds and their versions.

    <root>/<world>/<digest>/         the bundle, its images, and `version.json`
    <root>/<world>/measured/<...>    figures of a version, measured after publication
    <root>/<world>/release.json      the released version, written by the training service

A version appears whole, by one rename (`publish.py`), and never changes. Imports no torch, because
the training service reads the registry without a model in memory.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.data.atomic_io import replacing
from training.registry.version import WorldVersion

INDEX, RELEASE = "version.json", "release.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger(__name__)


class RegistryError(Exception):
    """The registry refuses a request; the message gives the reason."""


class Registry:
    """Owns the path alone; the files are the state."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str, digest: str) -> Path:
        """The folder of a version, present or not; generation serves from the folder."""
        if not NAME.fullmatch(name) or not DIGEST.fullmatch(digest):
            raise RegistryError(f"{name!r:.80} {digest!r:.80}: no name of a version")
        return self.root / name / digest

    def names(self) -> list[str]:
        return sorted(p.name for p in self.root.glob("*") if NAME.fullmatch(p.name) and p.is_dir())

    def version(self, name: str, digest: str) -> WorldVersion:
        """Raises RegistryError for a missing version and for a damaged index."""
        path = self.folder(name, digest) / INDEX
        try:
            return WorldVersion.from_json(path.read_bytes())
        except FileNotFoundError:
            raise RegistryError(f"world {name!r} has no version {digest}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RegistryError(f"{path} cannot be read: {error}") from error

    def versions(self, name: str) -> list[WorldVersion]:
        """All versions, the newest first. Skips and logs damaged versions."""
        found = []
        for path in self.root.glob(f"{name}/*/{INDEX}") if NAME.fullmatch(name) else ():
            try:
                found.append(self.version(name, path.parent.name))
            except RegistryError as error:
                log.warning("damaged version", extra={"reason": str(error)})
        return sorted(found, key=lambda version: version.created_at, reverse=True)

    def released(self, name: str) -> str:
        """The digest of the released version; "" without a release."""
        path = self.root / name / RELEASE
        if not NAME.fullmatch(name) or not path.exists():
            return ""
        current: str = json.loads(path.read_bytes())["release"]["current"]
        return current

    def figures(self, version: WorldVersion, like: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The figures of `version` by the evaluation protocol of the card `like`, possibly measured
        after publication; the version's own card where no such figures exist."""
        path = self._measured(version.name, version.digest, like)
        if path is not None and path.exists():
            measured: Mapping[str, Any] = json.loads(path.read_bytes())
            return measured
        return version.card

    def keep_figures(self, name: str, figures: Mapping[str, Any]) -> None:
        """Stores a card measured after publication. Raises RegistryError for a card of no version
        of `name`."""
        version = self.version(name, figures["world_digest"])
        path = self._measured(name, version.digest, figures)
        assert path is not None
        with replacing(path) as building:
            building.write_text(json.dumps(figures))

    def _measured(self, name: str, digest: str, card: Mapping[str, Any]) -> Path | None:
        if not card.get("yardstick"):
            return None
        by = json.dumps([card.get("version"), card["yardstick"]], sort_keys=True)
        short = hashlib.sha256(by.encode()).hexdigest()[:16]
        return self.root / name / "measured" / f"{digest}-{short}.json"
