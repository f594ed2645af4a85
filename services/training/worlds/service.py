"""The rules of releases without HTTP: evaluate versions, start a canary, promote, roll back. Raises
Problem to refuse a request."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from services.backplane.connection import BackplaneError, Client
from services.backplane.releases import ReleaseStore, VersionFigures
from services.backplane.replicas import ReplicaInfo, ReplicaRegistry
from services.telemetry import Problem
from services.training.worlds import rules
from services.training.worlds.book import Page, ReleaseBook
from services.training.worlds.live import Live
from services.training.worlds.rules import StepRefusedError
from services.wire.release import Release
from training.evaluate.release_gate import Verdict, verdict
from training.registry.registry import Registry, RegistryError
from training.registry.version import WorldVersion

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStatus:
    """A version with the release gate's verdict against the current version, and live figures.
    `live`: None while Redis is unreachable."""

    version: WorldVersion
    verdict: Verdict
    live: Live | None
    replicas: tuple[ReplicaInfo, ...]


class ReleaseService:
    """All rules about releases, applied to registry and release files."""

    def __init__(self, registry: Registry, redis: Client) -> None:
        self.registry = registry
        self._book = ReleaseBook(registry.root)
        self._releases = ReleaseStore(redis)
        self._figures = VersionFigures(redis)
        self._replicas = ReplicaRegistry(redis)
        self._changing = asyncio.Lock()

    def page(self, world: str) -> Page:
        if world not in self.registry.names():
            raise Problem(404, "world-not-found", "The registry has no such world.")
        return self._book.read(world)

    async def version_statuses(self, world: str) -> list[VersionStatus]:
        """Returns all versions, newest first."""
        current = self._current(self.page(world).release)
        versions = await asyncio.to_thread(self.registry.versions, world)
        replicas = await self._all_replicas()
        return [
            VersionStatus(
                version=version,
                verdict=self._judge(version, current),
                live=await self._live(version.digest),
                replicas=tuple(r for r in replicas if r.world_digest == version.digest),
            )
            for version in versions
        ]

    async def canary(self, world: str, digest: str, share: float) -> None:
        async with self._changing:
            release = self.page(world).release
            reasons = self._fit_for_players(release, digest)
            step = self._step(lambda: rules.canary(release, digest, share))
            await self._take(step, "canary", digest, reasons)

    async def promote(self, world: str, digest: str) -> None:
        async with self._changing:
            release = self.page(world).release
            reasons = self._fit_for_players(release, digest)
            step = self._step(lambda: rules.promote(release, digest))
            await self._take(step, "promote", digest, reasons)

    async def roll_back(self, world: str) -> None:
        async with self._changing:
            release = self.page(world).release
            step = self._step(lambda: rules.roll_back(release))
            await self._take(step, "roll back", release.canary or release.current, ())

    async def republish(self) -> None:
        """Writes every release to Redis again, in case Redis lost the data."""
        for world in self.registry.names():
            release = self._book.read(world).release
            if release.current:
                await self._releases.put(release)

    def _fit_for_players(self, release: Release, digest: str) -> tuple[str, ...]:
        """Why it may be played; raises Problem where it may not."""
        version, current = self._version(release.world, digest), self._current(release)
        found = self._judge(version, current)
        if not found.accepted:
            detail = f"The judge rejects this version: {'; '.join(found.reasons)}."
            raise Problem(409, "rejected", detail)
        if current is not None and version.controls != current.controls:
            detail = "Its controls differ from the current version's: pages that are open"
            raise Problem(409, "other-controls", f"{detail} would steer it wrongly.")
        return found.reasons

    def _version(self, world: str, digest: str) -> WorldVersion:
        try:
            return self.registry.version(world, digest)
        except RegistryError as error:
            raise Problem(404, "version-not-found", f"{error}.") from error

    def _current(self, release: Release) -> WorldVersion | None:
        return self._version(release.world, release.current) if release.current else None

    def _judge(self, version: WorldVersion, current: WorldVersion | None) -> Verdict:
        """Against the current release by the version's own yardstick, where it was measured so; the
        card itself tells how its teacher did."""
        card = version.card or {}
        try:
            if current is None or current.digest == version.digest:
                return verdict(card, None)
            return verdict(card, self.registry.figures(current, like=card) or {})
        except (ValueError, KeyError, TypeError) as error:
            reason = f"no whole evaluation to judge by: {error}"
            return Verdict(accepted=False, reasons=(reason,))

    def _step(self, step: Callable[[], Release]) -> Release:
        try:
            return step()
        except StepRefusedError as error:
            raise Problem(409, "wrong-step", str(error)) from error

    async def _take(
        self, release: Release, action: str, digest: str, reasons: tuple[str, ...]
    ) -> None:
        """On disk first: `republish` repeats what Redis did not hear."""
        self._book.write(release, action=action, digest=digest, reasons=reasons)
        log.info("release", extra={"world": release.world, "action": action, "digest": digest})
        try:
            await self._releases.put(release)
        except BackplaneError as error:
            log.warning(
                "release not published", extra={"world": release.world, "error": str(error)}
            )

    async def _live(self, digest: str) -> Live | None:
        try:
            return Live.from_counts(await self._figures.read(digest))
        except BackplaneError:
            return None

    async def _all_replicas(self) -> list[ReplicaInfo]:
        try:
            return await self._replicas.all()
        except BackplaneError:
            return []
