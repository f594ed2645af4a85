"""What the session service does, without HTTP: opens, shows, keeps and ends sessions.

Holds no session, they are all in Redis. Raises Problem where a player is to be refused.
"""

import logging
import random
import secrets
import time
from dataclasses import dataclass

from services.backplane.connection import Client
from services.backplane.rates import RateLimit
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.backplane.snapshots import KeptSnapshots
from services.session import lifecycle
from services.session.lifecycle import Admission, ChoiceError, Wish
from services.session.settings import SessionSettings
from services.session.worlds import STEADY, WorldCatalog
from services.telemetry import Problem, meter
from services.wire.session import SessionRecord, SessionStatus
from services.wire.world import WorldOffer

log = logging.getLogger(__name__)

CREATED = meter.create_counter("nextframe_sessions_created", description="sessions opened")
REFUSED = meter.create_counter("nextframe_sessions_refused", description="by kind of refusal")
OPEN = meter.create_gauge("nextframe_sessions_open", description="sessions that have not ended")
WAITING = meter.create_gauge("nextframe_sessions_waiting", description="sessions in the line")

KEEPS_PER_MINUTE = 10  # snapshots kept, by one session
NO_WORLD_RETRY_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """`position` 0 is next; `eta_s` is None when nobody can say."""

    position: int
    eta_s: float | None


class SessionDesk:
    """Every rule about one session, applied to what Redis holds."""

    def __init__(self, redis: Client, settings: SessionSettings) -> None:
        self._settings = settings
        self._store = SessionStore(redis)
        self._kept = KeptSnapshots(redis)
        self._registry = ReplicaRegistry(redis)
        self._creations = RateLimit(redis, "create", max_per_minute=settings.creations_per_minute)
        self._keeps = RateLimit(redis, "keep", max_per_minute=KEEPS_PER_MINUTE)
        self._worlds = WorldCatalog(redis)

    async def worlds(self) -> list[WorldOffer]:
        """Each world once, in its current version."""
        return (await self._worlds.menu()).for_newcomer(draw=STEADY)

    async def open(self, wish: Wish, caller: str) -> SessionRecord:
        """A new session in the line. `caller`: whom the rate limit counts."""
        if wait_s := await self._creations.take(caller):
            REFUSED.add(1, {"kind": "rate-limited"})
            detail = f"Too many new sessions from your address. Try again in {wait_s} s."
            raise Problem(429, "rate-limited", detail, retry_after_s=wait_s)
        admission = await self._admit(wish)
        record = SessionRecord(
            session_id=secrets.token_hex(16),
            status=SessionStatus.QUEUED,
            world=admission.world,
            world_digest=admission.world_digest,
            start=admission.start,
            seed=admission.seed,
            snapshot_of=admission.snapshot_of,
            created_at_ms=round(time.time() * 1000),
        )
        max_line, max_age_s = self._settings.max_line, self._settings.max_session_s
        if await self._store.create(record, max_line=max_line, max_age_s=max_age_s) is None:
            raise await self._line_full()
        CREATED.add(1, {"world": record.world})
        log.info("session opened", extra={"session_id": record.session_id, "world": record.world})
        return record

    async def find(self, session_id: str) -> SessionRecord:
        """Also a sign that who waits in line is still there."""
        record = await self._store.get(session_id)
        if record is None:
            raise Problem(404, "session-not-found", "There is no such session (any more).")
        if record.status is SessionStatus.QUEUED:
            await self._store.mark_seen(session_id)
        return record

    async def wait_of(self, record: SessionRecord) -> Wait | None:
        """How long it still waits; None when it does not."""
        if record.status is not SessionStatus.QUEUED:
            return None
        position = await self._store.position(record.session_id)
        if position is None:  # it just left the line
            return None
        return Wait(
            position=position,
            eta_s=lifecycle.eta_s(
                position,
                replicas=await self._registry.all(),
                lengths_s=await self._store.lengths_s(),
            ),
        )

    async def end(self, session_id: str) -> None:
        """Idempotent: a session that is gone has ended."""
        if await self._store.end(session_id, "You left."):
            log.info("session closed", extra={"session_id": session_id})

    async def keep_snapshot(self, session_id: str) -> str:
        """The id of a copy of the session's newest snapshot."""
        if (await self.find(session_id)).status is SessionStatus.ENDED:
            raise Problem(409, "session-ended", "The session has ended; nothing is left to save.")
        if wait_s := await self._keeps.take(session_id):
            detail = f"Too many snapshots. Try again in {wait_s} s."
            raise Problem(429, "rate-limited", detail, retry_after_s=wait_s)
        snapshot_id = secrets.token_hex(16)
        if not await self._kept.keep(session_id, snapshot_id=snapshot_id):
            detail = "There is nothing to save before the first second of play."
            raise Problem(409, "no-snapshot-yet", detail, retry_after_s=1)
        log.info("snapshot kept", extra={"session_id": session_id})
        return snapshot_id

    async def sweep(self) -> None:
        """Ends what is over its time and counts the rest; any number of desks may do it."""
        for session_id in await self._store.end_overdue("Your time is up."):
            log.info("session overdue", extra={"session_id": session_id})
        OPEN.set(await self._store.count())
        WAITING.set(len(await self._store.waiting()))

    async def _admit(self, wish: Wish) -> Admission:
        menu = await self._worlds.menu()
        if not menu.offers:
            REFUSED.add(1, {"kind": "no-world"})
            detail = "No world is being served yet. Try again in a moment."
            raise Problem(503, "no-world", detail, retry_after_s=NO_WORLD_RETRY_S)
        kept = None if wish.snapshot is None else await self._kept.get(wish.snapshot)
        try:
            return lifecycle.admit(
                wish,
                menu.offers if kept else menu.for_newcomer(draw=random.random(), start=wish.start),
                kept=kept,
                default_world=self._settings.default_world,
                random_seed=secrets.randbelow(lifecycle.MAX_SEED + 1),
            )
        except ChoiceError as error:
            REFUSED.add(1, {"kind": "not-on-offer"})
            raise Problem(422, "not-on-offer", f"{error}.") from error

    async def _line_full(self) -> Problem:
        REFUSED.add(1, {"kind": "line-full"})
        wait_s = lifecycle.retry_after_s(
            replicas=await self._registry.all(), lengths_s=await self._store.lengths_s()
        )
        detail = f"All places are taken and the line is full. Try again in about {wait_s} s."
        return Problem(429, "line-full", detail, retry_after_s=wait_s)
