"""One session on this replica, from its lease to its end. Coroutines only: frames are made
elsewhere, and the truth about the session is in Redis."""

import asyncio
import logging
import secrets
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from model.snapshot import SnapshotError, WorldSnapshot
from services.backplane.connection import BackplaneError
from services.backplane.releases import VersionFigures
from services.backplane.sessions import SessionStore
from services.generation.renderer import Renderer
from services.generation.sessions.absence import Absence
from services.generation.sessions.parting import (
    ABSENT,
    CANNOT_START,
    MOVING,
    WORLD_CHANGED,
    Parting,
)
from services.repeated_log import RepeatedLog
from services.telemetry import meter
from services.wire.session import RECORD_GONE, Lease, SessionRecord, SessionStatus

RENEW_S = 1.0

SNAPSHOT_TIME = meter.create_histogram(
    "nextframe_snapshot",
    unit="s",
    description="time to take a session's snapshot and save it",
    explicit_bucket_boundaries_advisory=[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0],
)
PARTINGS = meter.create_counter("nextframe_session_partings", description="sessions that left")

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the sessions of a replica share. `absent_s`: without a sign of the player they pause."""

    replica_id: str
    frame_address: str
    world_digest: str
    store: SessionStore
    figures: VersionFigures
    renderer: Renderer
    absent_s: float


class LiveSession:
    """Owns one lease. `run` returns when the session has left the replica, for whatever reason;
    `leave` asks it to, `reset` asks for the world as the session began."""

    def __init__(self, record: SessionRecord, host: Host) -> None:
        self._record = record
        self._id = record.session_id
        self._host = host
        self._lease = Lease(epoch=0, link_key="")
        self._absence = Absence(absent_s=host.absent_s)
        self._counted: tuple[float, int] | None = None  # the last time, and the frame then
        self._asked = asyncio.Event()
        self._parting: Parting | None = None
        self._wants_reset = False

    def leave(self, parting: Parting) -> None:
        self._parting = self._parting or parting
        self._asked.set()

    def reset(self) -> None:
        self._wants_reset = True
        self._asked.set()

    async def run(self) -> None:
        """Raises BackplaneError when Redis is away at the start or the end; the lease runs out
        by itself then."""
        link_key = secrets.token_urlsafe(16)
        lease = await self._host.store.acquire(
            self._id,
            replica_id=self._host.replica_id,
            frame_address=self._host.frame_address,
            link_key=link_key,
            world_digest=self._host.world_digest,
        )
        if lease is None:
            return
        self._lease = lease
        self._host.renderer.show(
            self._id, epoch=lease.epoch, link_key=link_key, on_reset=self.reset
        )
        try:
            await self._part(await self._begin() or await self._keep())
        finally:
            self._host.renderer.frame_loop.close(self._id)
            self._host.renderer.hide(self._id)

    async def _begin(self) -> Parting | None:
        """Prefills, with its own world if it has lived before, and goes live."""
        own = await self._host.store.load_snapshot(self._id)
        if parting := await self._prefill(own or await self._origin()):
            return parting
        await self._host.store.set_status(self._id, SessionStatus.LIVE, self._lease)
        log.info("live", extra={"session_id": self._id, "epoch": self._lease.epoch})
        return None

    async def _begin_anew(self) -> Parting | None:
        """The world as the session began, under the same lease."""
        self._wants_reset = False
        origin = await self._origin()
        await asyncio.wrap_future(self._host.renderer.frame_loop.close(self._id))
        if parting := await self._prefill(origin):
            return parting
        self._host.renderer.tell(self._id, {"state": "reset"})
        log.info("reset", extra={"session_id": self._id, "epoch": self._lease.epoch})
        return None

    async def _origin(self) -> bytes | None:
        """The world that the session was forked from; None: it began at one of the starts."""
        forked_from = self._record.snapshot_of
        return await self._host.store.load_snapshot(forked_from) if forked_from else None

    async def _prefill(self, blob: bytes | None) -> Parting | None:
        """Opens the session in the engine; a parting when it cannot be."""
        try:
            await self._open(blob)
        except SnapshotError as error:
            log.warning("refused", extra={"session_id": self._id, "reason": str(error)})
            return WORLD_CHANGED
        except ValueError as error:
            log.warning("refused", extra={"session_id": self._id, "reason": str(error)})
            return CANNOT_START
        return None

    async def _open(self, blob: bytes | None) -> None:
        frame_loop = self._host.renderer.frame_loop
        if blob is None:
            opened = frame_loop.open(self._id, start=self._record.start, seed=self._record.seed)
        else:
            snapshot = await asyncio.to_thread(WorldSnapshot.from_bytes, blob)
            opened = frame_loop.restore(self._id, snapshot)
        await asyncio.wrap_future(opened)

    async def _keep(self) -> Parting:
        """Once a second, or when asked for something: the lease, the player, the snapshot. While
        Redis is away the frames go on: nobody else can take the session then either."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), RENEW_S)
            self._asked.clear()
            if self._parting is not None:
                return self._parting
            try:
                if self._wants_reset and (parting := await self._begin_anew()):
                    return parting
                record = await self._host.store.renew(self._id, self._lease)
                if record is None:
                    return await self._lost()
                if self._absence.observe(record, time.monotonic()):
                    return ABSENT
                await self._save(self._host.renderer.frame_loop.snapshot(self._id))
            except BackplaneError as error:
                repeated.warning("no renewal", cause=str(error), session_id=self._id)

    async def _save(self, taken: Future[WorldSnapshot]) -> None:
        started = time.monotonic()
        try:
            snapshot = await asyncio.wrap_future(taken)
        except KeyError:
            return  # it failed just now: the snapshot before this one stands
        blob = await asyncio.to_thread(snapshot.to_bytes)
        await self._host.store.save_snapshot(self._id, self._lease, blob)
        SNAPSHOT_TIME.record(time.monotonic() - started)
        await self._count_frames(snapshot.frame_idxs[-1])

    async def _count_frames(self, frame_idx: int) -> None:
        """What was played since the last time."""
        now = time.monotonic()
        if self._counted is None:
            counts = {"sessions": int(self._lease.epoch == 1)}
        elif frame_idx < self._counted[1]:  # a reset: frames count from the start again
            counts = {}
        else:
            since_s, since_frame = self._counted
            counts = {"frames": frame_idx - since_frame, "played_ms": round(1e3 * (now - since_s))}
        self._counted = now, frame_idx
        await self._host.figures.add(self._host.world_digest, counts)

    async def _lost(self) -> Parting:
        """Why the lease is gone, in the words of who took it."""
        record = await self._host.store.get(self._id)
        if record is None or record.status is SessionStatus.ENDED:
            reason = record.reason if record else RECORD_GONE
            return Parting(status=SessionStatus.ENDED, reason=reason)
        return MOVING

    async def _part(self, parting: Parting) -> None:
        """What the store refuses has been done by somebody else."""
        store, renderer = self._host.store, self._host.renderer
        if parting.saves:
            await self._save(renderer.frame_loop.freeze(self._id))
        await asyncio.wrap_future(renderer.frame_loop.close(self._id))
        if parting.status is SessionStatus.QUEUED:
            await store.requeue(self._id, self._lease, reason=parting.reason)
        else:
            await store.set_status(self._id, parting.status, self._lease, reason=parting.reason)
        renderer.tell(self._id, {"state": parting.word, "reason": parting.reason})
        PARTINGS.add(1, {"to": parting.status.value})
        await self._host.figures.add(self._host.world_digest, {parting.figure: 1})
        log.info(
            "left", extra={"session_id": self._id, "epoch": self._lease.epoch, "to": parting.word}
        )
