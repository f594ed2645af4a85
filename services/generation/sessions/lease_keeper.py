"""Renews one session's lease from its start to its end, while the world opens, too."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from services.backplane.connection import BackplaneError
from services.backplane.sessions import SessionStore
from services.generation.sessions.absence import Absence
from services.generation.sessions.exit_reason import ABSENT, MOVING, ExitReason
from services.repeated_log import RepeatedLog
from services.wire.session import RECORD_GONE, Lease, SessionStatus

RENEW_S = 1.0

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class LeaseKeeper:
    """Owns the task that renews. `leave(exit_reason)` is called when the session must leave the
    replica: another replica has the lease, or the player is gone. While Redis is away the session
    stays, because no other replica can take the lease either."""

    def __init__(
        self,
        store: SessionStore,
        session_id: str,
        lease: Lease,
        absence: Absence,
        leave: Callable[[ExitReason], None],
    ) -> None:
        self._store = store
        self._id = session_id
        self._lease = lease
        self._absence = absence
        self._leave = leave
        self._is_over = asyncio.Event()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ends the task by a flag, because redis-py may swallow a cancellation."""
        self._is_over.set()
        await self._task

    async def lost(self) -> ExitReason:
        """Why the lease is gone, from the record of the session."""
        record = await self._store.get(self._id)
        if record is None or record.status is SessionStatus.ENDED:
            reason = record.reason if record else RECORD_GONE
            return ExitReason(status=SessionStatus.ENDED, reason=reason)
        return MOVING

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), RENEW_S)
            if self._is_over.is_set():
                return
            try:
                await self._renew()
            except BackplaneError as error:
                repeated.warning("no renewal", cause=str(error), session_id=self._id)
            except Exception:  # any error: a lease that is no longer renewed must not go unnoticed
                log.exception("no renewal", extra={"session_id": self._id})
                self._leave(MOVING)
                return

    async def _renew(self) -> None:
        record = await self._store.renew(self._id, self._lease)
        if record is None:
            self._leave(await self.lost())
        elif record.status is SessionStatus.LIVE and self._absence.observe(
            record, time.monotonic()
        ):
            self._leave(ABSENT)
