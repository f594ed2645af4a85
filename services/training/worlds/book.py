"""Releases on disk: `<registry>/<world>/release.json`, replaced atomically, with the history of all
steps. The file survives a loss of Redis' data."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.wire.release import Release
from training.job_state import replace_file
from training.registry.registry import RELEASE

MAX_STEPS_KEPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: action, version, and the reason for permission."""

    at: str  # ISO 8601, UTC
    action: str
    digest: str
    share: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One world's release with the history, newest step last."""

    release: Release
    steps: tuple[Step, ...] = ()


class ReleaseBook:
    """The only writer of `release.json`."""

    def __init__(self, registry: Path) -> None:
        self._registry = registry

    def read(self, world: str) -> Page:
        """`world`: a name of the registry."""
        try:
            content = json.loads(self._path(world).read_bytes())
        except FileNotFoundError:
            return Page(release=Release(world=world))
        steps = [Step(**step | {"reasons": tuple(step["reasons"])}) for step in content["steps"]]
        return Page(release=Release(**content["release"]), steps=tuple(steps))

    def write(
        self, release: Release, *, action: str, digest: str, reasons: tuple[str, ...] = ()
    ) -> None:
        step = Step(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            action=action,
            digest=digest,
            share=release.canary_share,
            reasons=reasons,
        )
        steps = (*self.read(release.world).steps, step)[-MAX_STEPS_KEPT:]
        page = Page(release=release, steps=steps)
        replace_file(self._path(release.world), json.dumps(asdict(page), indent=1) + "\n")

    def _path(self, world: str) -> Path:
        return self._registry / world / RELEASE
