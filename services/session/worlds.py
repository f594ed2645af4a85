"""The worlds on offer, remembered for a moment: a crowd that looks asks Redis once a second.

And which of several versions of a world a newcomer gets.
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
    """Every version of every world that can be played now, and which of them are for newcomers."""

    offers: Sequence[WorldOffer] = ()
    releases: Mapping[str, Release] = field(default_factory=dict)

    def for_newcomer(self, *, draw: float, start: int | None = None) -> list[WorldOffer]:
        """One version of each world, by name. `draw`: uniform in [0, 1), or STEADY; `start`: a
        version that lacks it is passed over, as pages know the current version's starts. A world
        is left out while none of the versions that are released is played."""
        chosen = (self._pick(name, draw, start) for name in self._names)
        return [offer for offer in chosen if offer is not None]

    def is_awaited(self, name: str) -> bool:
        """The world is played, but in no version that is released to newcomers."""
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
    """What replicas offer and releases say, at most REMEMBERED_S old."""

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
