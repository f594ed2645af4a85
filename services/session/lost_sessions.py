"""Sessions whose owner is gone while no dispatcher lives to see it: both live inside generation.

Puts a lost session back in the queue, so that its player hears of the loss and the world goes on
when generation is back. Judges leases as the dispatcher does, and later: a living dispatcher knows
better what became of a replica.
"""

import logging
import math

from services.backplane.connection import BackplaneError, Client
from services.backplane.lease_watch import LeaseWatch
from services.backplane.releases import VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import LEASE_MS, Loss, SessionStore
from services.wire.session import SessionRecord

LATER_POLLS = 1  # than a dispatcher
MOVED = "The machine that generated your world is gone; it is picked up elsewhere."
WAITS = "The machine that generated your world is gone. Your world waits for the next one."

log = logging.getLogger(__name__)


class LostSessions:
    """Owns what is known of the leases. `poll_s`: seconds between two calls of `recover`."""

    def __init__(self, redis: Client, *, poll_s: float) -> None:
        self._store = SessionStore(redis)
        self._registry = ReplicaRegistry(redis)
        self._figures = VersionFigures(redis)
        self._watch = LeaseWatch()
        self._patience = math.ceil(LEASE_MS / (1000 * poll_s)) + LATER_POLLS

    async def recover(self) -> None:
        """Requeues every session whose lease was not renewed for LEASE_MS and a poll more. Raises
        BackplaneError; counting then starts again, because owners could not renew either."""
        try:
            leases = await self._store.leases()
        except BackplaneError:
            self._watch.forget()
            raise
        for session_id, until_ms in self._watch.observe(leases, patience=self._patience).items():
            await self._requeue(session_id, until_ms)

    async def _requeue(self, session_id: str, until_ms: int) -> None:
        record = await self._store.get(session_id)
        has_other = record is not None and await self._has_other(record)
        is_requeued = await self._store.requeue_expired(
            session_id,
            lease_until_ms=until_ms,
            reason=MOVED if has_other else WAITS,
            loss=Loss.ONE_OF_MANY if has_other else Loss.ONLY,
        )
        if is_requeued and record is not None:
            log.warning("session without owner", extra={"session_id": session_id})
            await self._figures.add(record.world_digest, {"lost": 1})

    async def _has_other(self, record: SessionRecord) -> bool:
        return await self._registry.has_other(record.replica_id, record.world)
