"""The dispatcher: sends queued sessions to free slots, and puts lost sessions back in the queue.

Plain asyncio over Redis. A `RunSession` reaches a replica; the dispatcher does not know about Ray
Serve. Redis holds the truth: a second or restarted dispatcher starts nothing twice, because a
replica must still acquire the lease.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.backplane import sessions
from services.backplane.connection import BackplaneError, Client
from services.backplane.lease_watch import LeaseWatch
from services.backplane.records import RecordError
from services.backplane.releases import ReleaseStore, VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import PRESENT_MS, Loss, SessionStore
from services.generation.sessions.lane import Lane
from services.generation.sessions.patience import Patience
from services.generation.sessions.version_routing import VersionRouting
from services.repeated_log import RepeatedLog
from services.wire.session import SessionRecord, SessionStatus

POLL_S = 0.15  # of the queue
WATCH_S = 0.5  # between two polls of the leases
TAKE_S = 5.0  # from the call until the replica must have the lease
LOST = "The machine that generated your world is gone; it is picked up elsewhere."

RunSession = Callable[[str], Awaitable[None]]  # one session, to its end on that replica

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class Dispatcher:
    """Owns one outstanding call for each session sent to a replica. `lanes`: the call that reaches
    the replicas of one deployment, by the first part of the replica ids."""

    def __init__(self, redis: Client, lanes: Mapping[str, RunSession]) -> None:
        self._store = SessionStore(redis)
        self._registry = ReplicaRegistry(redis)
        self._releases = ReleaseStore(redis)
        self._figures = VersionFigures(redis)
        self._lanes = lanes
        self._watch = LeaseWatch()
        self._patience = Patience()
        self._calls: dict[str, dict[tuple[str, int], asyncio.Task[None]]] = {g: {} for g in lanes}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Runs until `stop`, also across outages of Redis."""
        await asyncio.gather(
            self._repeat(self.serve_queue, POLL_S), self._repeat(self.recover_lost, WATCH_S)
        )

    def stop(self) -> None:
        """Ends `run` and the calls. The sessions go on."""
        self._stopping.set()
        for calls in self._calls.values():
            for call in calls.values():
                call.cancel()

    async def serve_queue(self) -> None:
        """Sends the first queued sessions of each world, with their players present, to free slots
        of the world."""
        waiting = await self._store.queued(within_ms=PRESENT_MS)
        if not waiting:
            return
        lanes = await self._poll_replicas()
        for session in waiting:
            lanes = [lane for lane in lanes if lane.num_free > 0]
            if not lanes:
                return
            able = [lane for lane in lanes if lane.routing.has_world(session.world)]
            with contextlib.suppress(
                RecordError
            ):  # logged; later sessions must not wait for a broken record
                await self._serve(session.session_id, able)

    async def _serve(self, session_id: str, able: Sequence[Lane]) -> None:
        """Sends the session to one of the lanes in `able`, which play the world of the session."""
        record = await self._store.get(session_id) if able else None
        if record is None or not self._may_start(record):
            return
        chosen = next((lane for lane in able if lane.routing.has_version_of(record)), None)
        if chosen is None and await self._is_left_over(record, able[0].routing):
            chosen = able[0]
        if chosen is not None:
            chosen.num_free -= 1
            self._start(record, chosen.group)

    async def recover_lost(self) -> None:
        """Puts sessions back in the queue after their replica stopped renewing the lease."""
        try:
            leases = await self._store.leases()
        except BackplaneError:
            self._watch.forget()
            raise
        patience = math.ceil(sessions.LEASE_MS / (1000 * WATCH_S))
        for session_id, until_ms in self._watch.observe(leases, patience=patience).items():
            record = await self._store.get(session_id)
            loss = Loss.ONE_OF_MANY if record is None else await self._loss(record)
            if await self._store.requeue_expired(
                session_id, lease_until_ms=until_ms, reason=LOST, loss=loss
            ):
                await self._note_lost(session_id)

    async def _poll_replicas(self) -> list[Lane]:
        serving = [replica for replica in await self._registry.all() if not replica.draining]
        return [
            Lane.of(group, serving, num_calls=len(calls)) for group, calls in self._calls.items()
        ]

    async def _is_left_over(self, record: SessionRecord, routing: VersionRouting) -> bool:
        """Whether no replica and no release has the version of the session."""
        return routing.is_gone(record, await self._releases.get(record.world))

    def _may_start(self, record: SessionRecord) -> bool:
        call_id = (record.session_id, record.epoch + 1)
        is_sent = any(call_id in calls for calls in self._calls.values())
        is_due = self._patience.is_due(record.session_id, time.monotonic())
        return record.status is SessionStatus.QUEUED and is_due and not is_sent

    def _start(self, record: SessionRecord, group: str) -> None:
        call_id = (record.session_id, record.epoch + 1)
        call = asyncio.create_task(self._call(self._lanes[group], *call_id))
        self._calls[group][call_id] = call
        call.add_done_callback(lambda _: self._calls[group].pop(call_id, None))

    async def _call(self, run_session: RunSession, session_id: str, epoch: int) -> None:
        """Runs one session on one replica to its end. `epoch`: of the lease that the replica
        gets."""
        try:
            await self._until_played(run_session, session_id, epoch)
        except Exception as error:  # any error of Ray: the replica no longer plays the session
            log.warning("replica lost", extra={"session_id": session_id, "error": repr(error)})
            await self._requeue(session_id, epoch)
        # Refused, failed or moved: a session that queues again pauses first.
        self._patience.note_return(session_id, time.monotonic())

    async def _until_played(self, run_session: RunSession, session_id: str, epoch: int) -> None:
        """Raises the error of the replica, and TimeoutError when no replica has taken the session
        within TAKE_S: a replica that is shutting down answers no call."""
        call = asyncio.ensure_future(run_session(session_id))
        try:
            await asyncio.wait({call}, timeout=TAKE_S)
            if not call.done() and not await self._is_taken(session_id, epoch):
                raise TimeoutError(f"no replica took it within {TAKE_S:.0f} s")
            await call
        finally:
            call.cancel()

    async def _is_taken(self, session_id: str, epoch: int) -> bool:
        try:
            record = await self._store.get(session_id)
        except BackplaneError:  # unknown: assume taken, the lease watch finds out
            return True
        return record is None or record.epoch >= epoch

    async def _requeue(self, session_id: str, epoch: int) -> None:
        """Does nothing when another replica owns the session, or no replica ever did."""
        try:
            record = await self._store.get(session_id)
            if record is None or record.epoch != epoch:
                return
            loss = await self._loss(record)
            if await self._store.requeue_lost(session_id, epoch=epoch, reason=LOST, loss=loss):
                await self._note_lost(session_id)
        except BackplaneError as error:  # the lease expires, and recover_lost finds the session
            log.warning("not back in line", extra={"session_id": session_id, "error": str(error)})

    async def _loss(self, record: SessionRecord) -> Loss:
        has_other = await self._registry.has_other(record.replica_id, record.world)
        return Loss.ONE_OF_MANY if has_other else Loss.ONLY

    async def _note_lost(self, session_id: str) -> None:
        if record := await self._store.get(session_id):
            log.info("back in line", extra={"session_id": session_id, "epoch": record.epoch})
            await self._figures.add(record.world_digest, {"lost": 1})

    async def _repeat(self, poll: Callable[[], Awaitable[None]], pause_s: float) -> None:
        is_away = False
        while not self._stopping.is_set():
            try:
                await poll()
                is_away = False
            except BackplaneError as error:
                if not is_away:
                    log.warning("redis is away", extra={"error": str(error)})
                is_away = True
            except Exception as error:  # any error: the queue must be served whatever Redis holds
                repeated.warning("poll failed", cause=repr(error), with_traceback=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()
