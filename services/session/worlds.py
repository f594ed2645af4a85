"""Caches the served worlds for a second, so that many polls cost one read of Redis.

Also chooses the version of a world for a new session.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.backplane.connection import Client
from services.backplane.releases import ReleaseStore
from services.backplane.replicas import ReplicaRegistry
from services.wire.release import Release
from services.wire.world import WorldOffer

REMEMBERED_S = 1.0


STEADY = 1.0  # a draw that no canary gets


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """All served versions of all worlds, and the released versions for new sessions."""

    offers: Sequence[WorldOffer] = ()
    releases: Mapping[str, Release] = field(default_factory=dict)

    def for_newcomer(self, *, draw: float, start: int | None = None) -> list[WorldOffer]:
        """Returns one version of each world, by name. `draw`: uniform in [0, 1), or STEADY.

        `start`: versions without this start are skipped, since pages list the starts of the current
        version. A world without a served released version is left out.
        """
        chosen = (self._pick(name, draw, start) for name in self._names)
        return [offer for offer in chosen if offer is not None]

    def is_awaited(self, name: str) -> bool:
        """Returns whether the world is served, but in no released version."""
        return name in self._names and self._pick(name, STEADY, None) is None

    @property
    def _names(self) -> list[str]:
        return sorted({offer.name for offer in self.offers})

    def _pick(self, name: str, draw: float, start: int | None) -> WorldOffer | None:
        by_digest = {offer.digest: offer for offer in self.offers if offer.name == name}
        release = self.releases.get(name)
        wanted = release.in_order(draw) if release and release.digests else tuple(by_digest)
        played = [by_digest[digest] for digest in wanted if digest in by_digest]
        with_start = [o for o in played if start is None or start in (s.index for s in o.starts)]
        return next(iter(with_start or played), None)


class WorldCatalog:
    """Served versions and releases, at most REMEMBERED_S old."""

    def __init__(self, redis: Client) -> None:
        self._registry = ReplicaRegistry(redis)
        self._releases = ReleaseStore(redis)
        self._menu = Menu()
        self._asked_at = float("-inf")

    async def menu(self) -> Menu:
        if time.monotonic() - self._asked_at > REMEMBERED_S:
            offers, releases = await self._registry.worlds(), await self._releases.all()
            self._menu = Menu(offers=offers, releases=releases)
            self._asked_at = time.monotonic()
        return self._menu
