"""The rules of the session service without HTTP: create, poll, save and end sessions.

Holds no session; Redis holds all sessions. Raises Problem to refuse a request.
"""

import logging
import math
import random
import secrets
import time
from dataclasses import dataclass

from services.backplane.blocks import BlockList
from services.backplane.connection import Client
from services.backplane.limits import LimitError, Limits, Refusal
from services.backplane.queue_positions import QueuePositions
from services.backplane.rate_limit import RateLimit
from services.backplane.replicas import ReplicaInfo, ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.backplane.snapshots import SavedSnapshots
from services.callers import Caller
from services.session import lifecycle
from services.session.lifecycle import Admission, ChoiceError, SessionRequest
from services.session.settings import SessionSettings
from services.session.worlds import STEADY, WorldCatalog
from services.telemetry import Problem, meter
from services.wire.session import SessionRecord, SessionStatus
from services.wire.world import WorldOffer

log = logging.getLogger(__name__)

CREATED = meter.create_counter("nextframe_sessions_created", description="sessions opened")
REFUSED = meter.create_counter("nextframe_sessions_refused", description="by kind of refusal")
OPEN = meter.create_gauge("nextframe_sessions_open", description="sessions that have not ended")
REDIS_USED = meter.create_gauge("nextframe_redis_used", unit="By", description="memory of Redis")
REDIS_BUDGET = meter.create_gauge(
    "nextframe_redis_budget", unit="By", description="where creating and saving end"
)
WAITING = meter.create_gauge("nextframe_sessions_waiting", description="sessions in the line")

SAVES_PER_MINUTE = 10  # snapshots saved by one session
NO_WORLD_RETRY_S = 5
SESSION_BYTES = 1 << 20  # reserved for each queued session: its record and its world
REFUSALS = {  # status, why, seconds until it may be otherwise
    Refusal.ENOUGH_OPEN: (429, "Your address plays enough sessions. End one of them.", 30),
    Refusal.ENOUGH_SAVED: (429, "Your address has saved enough worlds. The oldest go first.", 300),
    Refusal.NOTHING_YET: (409, "There is nothing to save before the first second of play.", 1),
    Refusal.NO_ROOM: (503, "All room for worlds is taken.", 60),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """`position`: sessions before this session in the queue of the same world; 0 is next. `eta_s`:
    None without data."""

    position: int
    eta_s: float | None


class SessionService:
    """All rules about one session, applied to the records in Redis."""

    def __init__(self, redis: Client, settings: SessionSettings) -> None:
        self._settings = settings
        self._store = SessionStore(redis)
        self._queue = QueuePositions(self._store)
        self._saved = SavedSnapshots(redis)
        self._registry = ReplicaRegistry(redis)
        self._creations = RateLimit(redis, "create", max_per_minute=settings.creations_per_minute)
        self._polls = RateLimit(redis, "poll", max_per_minute=settings.polls_per_minute)
        self._saves = RateLimit(redis, "keep", max_per_minute=SAVES_PER_MINUTE)
        self._blocks = BlockList(redis)
        self._worlds = WorldCatalog(redis)

    async def worlds(self) -> list[WorldOffer]:
        """Returns the current version of each world, the default world first."""
        offers = (await self._worlds.menu()).for_newcomer(draw=STEADY)
        return sorted(offers, key=lambda offer: offer.name != self._settings.default_world)

    async def open(self, request: SessionRequest, caller: Caller) -> SessionRecord:
        """Creates and queues a session. `caller`: the address that the limits count."""
        await self._refuse_blocked(caller)
        limits = self._limits(caller)
        if not await self._store.has_room(limits):  # and nobody leaves a trace by asking
            raise self._refused(Refusal.NO_ROOM)
        await self._count_creation(caller)
        admission = await self._admit(request)
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
        max_queued, max_age_s = self._settings.max_line, self._settings.max_session_s
        try:
            await self._store.create(
                record, max_queued=max_queued, max_age_s=max_age_s, limits=limits
            )
        except LimitError as error:
            if error.refusal is Refusal.QUEUE_FULL:
                raise await self._queue_full(record.world) from error
            raise self._refused(error.refusal) from error
        CREATED.add(1, {"world": record.world})
        log.info("session opened", extra={"session_id": record.session_id, "world": record.world})
        return record

    async def get(self, session_id: str) -> SessionRecord:
        """A poll: returns the record and marks the player of a queued or starting session as
        present."""
        if wait_s := await self._polls.take(session_id):
            detail = f"You ask about this session too often. Try again in {wait_s} s."
            raise Problem(429, "rate-limited", detail, retry_after_s=wait_s)
        record = await self.find(session_id)
        if record.is_awaited:
            await self._store.mark_seen(session_id)
        return record

    async def find(self, session_id: str) -> SessionRecord:
        record = await self._store.get(session_id)
        if record is None:
            raise Problem(404, "session-not-found", "There is no such session (any more).")
        return record

    async def wait_of(self, record: SessionRecord) -> Wait | None:
        """Returns the remaining wait; None if the session does not wait."""
        if record.status is not SessionStatus.QUEUED:
            return None
        position = await self._queue.position(record.session_id)
        if position is None:  # it just left the line
            return None
        return Wait(
            position=position,
            eta_s=lifecycle.eta_s(
                position,
                replicas=await self._replicas_of(record.world),
                lengths_s=await self._store.lengths_s(),
            ),
        )

    async def _replicas_of(self, world: str) -> list[ReplicaInfo]:
        return [replica for replica in await self._registry.all() if replica.world == world]

    async def end(self, session_id: str) -> None:
        """Ends the session; idempotent."""
        if await self._store.end(session_id, "You left."):
            log.info("session closed", extra={"session_id": session_id})

    async def save_snapshot(self, session_id: str) -> str:
        """Copies the session's newest snapshot and returns the id of the copy."""
        # Some that ended have left their world: no replica could go on with it.
        has_ended = (await self.find(session_id)).status is SessionStatus.ENDED
        if wait_s := await self._saves.take(session_id):
            detail = f"Too many snapshots. Try again in {wait_s} s."
            raise Problem(429, "rate-limited", detail, retry_after_s=wait_s)
        snapshot_id = secrets.token_hex(16)
        try:
            await self._saved.save(
                session_id,
                snapshot_id=snapshot_id,
                max_saved=self._settings.saved_per_caller,
                max_bytes=self._settings.redis_budget_bytes,
                session_bytes=SESSION_BYTES,
            )
        except LimitError as error:
            if has_ended and error.refusal is Refusal.NOTHING_YET:
                detail = "The session has ended; nothing is left to save."
                raise Problem(409, "session-ended", detail) from error
            raise self._refused(error.refusal) from error
        log.info("snapshot saved", extra={"session_id": session_id})
        return snapshot_id

    async def sweep(self) -> None:
        """Ends overdue sessions and counts the others. Any number of processes may sweep."""
        for session_id in await self._store.end_overdue("Your time is up."):
            log.info("session overdue", extra={"session_id": session_id})
        OPEN.set(await self._store.count())
        WAITING.set(len(await self._store.waiting()))
        used, budget = await self._store.memory(max_bytes=self._settings.redis_budget_bytes)
        REDIS_USED.set(used)
        REDIS_BUDGET.set(budget)

    async def _refuse_blocked(self, caller: Caller) -> None:
        left_s = await self._blocks.left_s(who for who, _ in caller.shares)
        if left_s:
            REFUSED.add(1, {"kind": "address-blocked"})
            detail = f"Your address is blocked for {math.ceil(left_s / 60)} more minutes."
            raise Problem(403, "address-blocked", detail)

    def _limits(self, caller: Caller) -> Limits:
        return Limits(
            callers=caller.shares,
            max_open=self._settings.open_per_caller,
            max_bytes=self._settings.redis_budget_bytes,
            session_bytes=SESSION_BYTES,
        )

    async def _count_creation(self, caller: Caller) -> None:
        for who, share in caller.shares:
            if wait_s := await self._creations.take(who, share=share):
                REFUSED.add(1, {"kind": "rate-limited"})
                detail = f"Too many new sessions from your address. Try again in {wait_s} s."
                raise Problem(429, "rate-limited", detail, retry_after_s=wait_s)

    def _refused(self, refusal: Refusal) -> Problem:
        REFUSED.add(1, {"kind": refusal.value})
        status, why, wait_s = REFUSALS[refusal]
        return Problem(
            status, refusal.value, f"{why} Try again in {wait_s} s.", retry_after_s=wait_s
        )

    async def _admit(self, request: SessionRequest) -> Admission:
        menu = await self._worlds.menu()
        if not menu.offers:
            raise _not_served("No world is being served yet.")
        saved = None if request.snapshot is None else await self._saved.get(request.snapshot)
        newest = menu.for_newcomer(draw=random.random(), start=request.start)
        world = request.world or self._settings.default_world
        if request.snapshot is None and (not newest or (world and menu.is_awaited(world))):
            raise _not_served("The current version of this world is not being served.")
        try:
            return lifecycle.admit(
                request,
                menu.offers if request.snapshot is not None else newest,
                saved=saved,
                default_world=self._settings.default_world,
                random_seed=secrets.randbelow(lifecycle.MAX_SEED + 1),
            )
        except ChoiceError as error:
            REFUSED.add(1, {"kind": "not-on-offer"})
            raise Problem(422, "not-on-offer", f"{error}.") from error

    async def _queue_full(self, world: str) -> Problem:
        REFUSED.add(1, {"kind": "line-full"})
        wait_s = lifecycle.retry_after_s(
            replicas=await self._replicas_of(world), lengths_s=await self._store.lengths_s()
        )
        detail = (
            "All places in this world are taken and its line is full."
            f" Try again in about {wait_s} s, or choose another world."
        )
        return Problem(429, "line-full", detail, retry_after_s=wait_s)


def _not_served(what: str) -> Problem:
    REFUSED.add(1, {"kind": "no-world"})
    detail = f"{what} Try again in {NO_WORLD_RETRY_S} s."
    return Problem(503, "no-world", detail, retry_after_s=NO_WORLD_RETRY_S)
