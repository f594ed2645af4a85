"""The registry's folder, read: which worlds there are, in which versions.

    <root>/<world>/<digest>/    the bundle, its pictures, and `version.json`

A version appears whole, by one rename (`publish.py`), and never changes. Imports no torch: the
training service reads here without a model in its memory.
"""

import logging
import re
from pathlib import Path

from training.registry.version import WorldVersion

INDEX = "version.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger(__name__)


class RegistryError(Exception):
    """The registry cannot do what was asked; the message says why."""


class Registry:
    """Owns nothing but the path: truth is what lies there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str, digest: str) -> Path:
        """Where that version lies or would lie; what generation is given to serve it."""
        if not NAME.fullmatch(name) or not DIGEST.fullmatch(digest):
            raise RegistryError(f"{name!r:.80} {digest!r:.80}: no name of a version")
        return self.root / name / digest

    def names(self) -> list[str]:
        return sorted(p.name for p in self.root.glob("*") if NAME.fullmatch(p.name) and p.is_dir())

    def version(self, name: str, digest: str) -> WorldVersion:
        """Raises RegistryError when it is not there or its index is damaged."""
        path = self.folder(name, digest) / INDEX
        try:
            return WorldVersion.from_json(path.read_bytes())
        except FileNotFoundError:
            raise RegistryError(f"world {name!r} has no version {digest}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RegistryError(f"{path} cannot be read: {error}") from error

    def versions(self, name: str) -> list[WorldVersion]:
        """The newest first; a damaged one is left out and reported in the log."""
        found = []
        for path in self.root.glob(f"{name}/*/{INDEX}") if NAME.fullmatch(name) else ():
            try:
                found.append(self.version(name, path.parent.name))
            except RegistryError as error:
                log.warning("damaged version", extra={"reason": str(error)})
        return sorted(found, key=lambda version: version.created_at, reverse=True)
