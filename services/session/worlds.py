"""The worlds on offer, remembered for a moment: a crowd that looks asks Redis once a second."""

import time

from services.backplane.replicas import ReplicaRegistry
from services.wire.world import WorldOffer

REMEMBERED_S = 1.0


class WorldCatalog:
    """What replicas offer, at most REMEMBERED_S old."""

    def __init__(self, registry: ReplicaRegistry) -> None:
        self._registry = registry
        self._offers: list[WorldOffer] = []
        self._asked_at = float("-inf")

    async def offers(self) -> list[WorldOffer]:
        if time.monotonic() - self._asked_at > REMEMBERED_S:
            self._offers = await self._registry.worlds()
            self._asked_at = time.monotonic()
        return self._offers
