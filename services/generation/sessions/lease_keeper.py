"""Renews one session's lease from its start to its end, while the world opens, too."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from services.backplane.connection import BackplaneError
from services.backplane.records import read_or_raise
from services.backplane.sessions import SessionStore, record_of
from services.generation.sessions.absence import Absence
from services.generation.sessions.exit_reason import ABSENT, MOVING, ExitReason
from services.repeated_log import RepeatedLog
from services.telemetry import meter
from services.wire.session import RECORD_GONE, Lease, SessionRecord, SessionStatus

RENEW_S = 1.0

RESTORED = meter.create_counter(
    "nextframe_restored_sessions", description="records written again after Redis had lost them"
)

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class LeaseKeeper:
    """Owns the task that renews. `leave(exit_reason)` is called when the session must leave the
    replica: another replica has the lease, or the player is gone. While Redis is away the session
    stays, because no other replica can take the lease either; a Redis that comes back without the
    session's record gets the record again."""

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
        self._fields: Mapping[bytes, bytes] = {}  # of the record, as last read
        self._status = SessionStatus.STARTING
        self._is_over = asyncio.Event()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ends the task by a flag, because redis-py may swallow a cancellation."""
        self._is_over.set()
        await self._task

    def note_live(self) -> None:
        self._status = SessionStatus.LIVE

    async def hold(self) -> SessionRecord | None:
        """Renews the lease and returns the record; None: the lease is gone. Writes the record again
        if Redis has lost it."""
        fields = await self._store.renew_fields(self._id, self._lease)
        if not fields and await self._restore():
            fields = await self._store.renew_fields(self._id, self._lease)
        if not fields:
            return None
        self._fields = fields
        return read_or_raise(record_of, fields, "session")

    async def lost(self) -> ExitReason:
        """Why the lease is gone, from the record of the session."""
        record = await self._store.get(self._id)
        if record is None or record.status is SessionStatus.ENDED:
            reason = record.reason if record else RECORD_GONE
            return ExitReason(status=SessionStatus.ENDED, reason=reason)
        return MOVING

    async def _keep(self) -> None:
        while not self._is_over.is_set():
            try:
                await self._renew()
            except BackplaneError as error:
                repeated.warning("no renewal", cause=str(error), session_id=self._id)
            except Exception:  # any error: a lease that is no longer renewed must not go unnoticed
                log.exception("no renewal", extra={"session_id": self._id})
                self._leave(MOVING)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), RENEW_S)

    async def _renew(self) -> None:
        record = await self.hold()
        if record is None:
            self._leave(await self.lost())
        elif record.status is SessionStatus.LIVE and self._absence.observe(
            record, time.monotonic()
        ):
            self._leave(ABSENT)

    async def _restore(self) -> bool:
        """The record is gone or has an older owner: Redis may have lost what was written last."""
        if not self._fields:
            return False
        fields = {**self._fields, b"status": self._status.value.encode()}
        if not await self._store.restore(self._id, self._lease, fields):
            return False
        RESTORED.add(1)
        log.warning("record restored", extra={"session_id": self._id})
        return True
