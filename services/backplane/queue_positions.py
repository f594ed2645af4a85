"""Caches the queue of each world for a moment, so that many polling players cost one read of
Redis."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from services.backplane.sessions import SessionStore

REMEMBERED_S = 0.5


class QueuePositions:
    """Positions at most REMEMBERED_S old. Only sessions of the same world count, because replicas
    of other worlds serve the other sessions."""

    def __init__(self, store: SessionStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._asking = asyncio.Lock()
        self._positions: dict[str, int] = {}
        self._lengths: Counter[str] = Counter()
        self._asked_at = float("-inf")

    async def position(self, session_id: str) -> int | None:
        """Returns the number of sessions before this session in the world's queue; None if the
        session does not wait. A session missing from the cache triggers one fresh read."""
        await self._refresh(max_age_s=REMEMBERED_S)
        if session_id not in self._positions:
            await self._refresh(max_age_s=0)
        return self._positions.get(session_id)

    async def length(self, world: str) -> int:
        """Returns the number of sessions waiting for the world."""
        await self._refresh(max_age_s=REMEMBERED_S)
        return self._lengths[world]

    async def _refresh(self, *, max_age_s: float) -> None:
        asked_for = self._clock()
        async with self._asking:
            if self._asked_at > asked_for or asked_for - self._asked_at < max_age_s:
                return
            began = self._clock()
            lengths: Counter[str] = Counter()
            positions: dict[str, int] = {}
            for session in await self._store.queued():
                positions[session.session_id] = lengths[session.world]
                lengths[session.world] += 1
            self._positions, self._lengths, self._asked_at = positions, lengths, began
