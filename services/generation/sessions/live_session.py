"""One session on one replica, from lease to exit. Coroutines only: the frame loop makes the frames,
and Redis holds the truth about the session."""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from model.snapshot import DamagedSnapshotError, NotFiniteError, SnapshotError, WorldSnapshot
from services.backplane.connection import BackplaneError
from services.backplane.releases import VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import Loss, SessionStore
from services.generation.frames.ports import BrokenFrameError, DrawingError
from services.generation.renderer import Renderer
from services.generation.sessions.absence import Absence
from services.generation.sessions.exit_reason import (
    BROKEN,
    CANNOT_START,
    DAMAGED,
    FAILED,
    SOURCE_GONE,
    WORLD_CHANGED,
    ExitReason,
)
from services.generation.sessions.lease_keeper import LeaseKeeper
from services.generation.sessions.saving import Saving
from services.repeated_log import RepeatedLog
from services.telemetry import meter
from services.wire.session import Lease, SessionRecord, SessionStatus

SAVE_S = 1.0
OPEN_S = 30.0  # a healthy prefill is shorter
RESET_GAP_S = 2.0  # a reset is a prefill, which takes time from the frames of other sessions
NO_RESET = "The moment that this world began from is no longer kept; it goes on from here."
MEND_GAP_S = 60.0  # a world that breaks again sooner is broken for good

EXITS = meter.create_counter("nextframe_session_partings", description="sessions that left")
RESETS = meter.create_counter("nextframe_session_resets", description="resets, by outcome")
MENDED = meter.create_counter(
    "nextframe_mended_sessions", description="broken worlds set back to their last snapshot"
)

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the sessions of a replica share. `absent_s`: seconds without a sign of the player after
    which a session pauses. `note_failure`: called with the error of a failed opening."""

    replica_id: str
    frame_address: str
    world_digest: str
    store: SessionStore
    registry: ReplicaRegistry
    figures: VersionFigures
    renderer: Renderer
    note_failure: Callable[[Exception], None]
    absent_s: float


class SourceGoneError(LookupError):
    """The snapshot that the session was forked from is no longer kept."""


class LiveSession:
    """A session under one lease. `run` returns when the session has left the replica. `leave`,
    `reset` and `fail` only set a request, which `run` carries out."""

    def __init__(self, record: SessionRecord, host: Host) -> None:
        self._record = record
        self._id = record.session_id
        self._host = host
        self._requested = asyncio.Event()
        self._leaves = asyncio.Event()
        self._exit_reason: ExitReason | None = None
        self._wants_reset = self._wants_mending = False
        self._reset_s = self._mended_s = -math.inf

    def leave(self, exit_reason: ExitReason) -> None:
        """Requests the exit. The first reason holds."""
        self._exit_reason = self._exit_reason or exit_reason
        self._leaves.set()
        self._requested.set()

    def reset(self) -> None:
        """Requests the world of the session's start. Refused within RESET_GAP_S of the last
        reset."""
        now = time.monotonic()
        is_too_soon = now - self._reset_s < RESET_GAP_S
        RESETS.add(1, {"outcome": "refused" if is_too_soon else "done"})
        if not is_too_soon:
            self._reset_s, self._wants_reset = now, True
            self._requested.set()

    def fail(self, error: Exception) -> None:
        """The frame loop has closed the session. A broken world goes on from the last snapshot, at
        most once in MEND_GAP_S; any other failure makes the session leave."""
        if not isinstance(error, BrokenFrameError):
            self.leave(FAILED)
        elif time.monotonic() - self._mended_s < MEND_GAP_S:
            self.leave(BROKEN)
        else:
            self._wants_mending = True
            self._requested.set()

    async def run(self) -> None:
        """Raises BackplaneError when Redis is away at the start or the end; the lease then
        expires."""
        host = self._host
        lease = await host.store.acquire(
            self._id,
            replica_id=host.replica_id,
            frame_address=host.frame_address,
            link_key=secrets.token_urlsafe(16),
            world_digest=host.world_digest,
        )
        if lease is None:
            return
        absence = Absence(absent_s=host.absent_s)
        keeper = LeaseKeeper(host.store, self._id, lease, absence, self.leave)
        saving = Saving(
            host.store,
            host.figures,
            session_id=self._id,
            lease=lease,
            world_digest=host.world_digest,
        )
        host.renderer.show(
            self._id, epoch=lease.epoch, link_key=lease.link_key, on_reset=self.reset
        )
        try:
            exit_reason = await self._begin(lease, keeper) or await self._play(saving)
            await keeper.stop()
            await keeper.hold()  # a record that Redis has just lost would lose the exit, too
            await self._exit(exit_reason, lease, keeper, saving)
        finally:
            await keeper.stop()
            host.renderer.frame_loop.close(self._id)
            host.renderer.hide(self._id)

    async def _begin(self, lease: Lease, keeper: LeaseKeeper) -> ExitReason | None:
        """Opens the session from the newest snapshot, or from a start, and sets the status LIVE."""
        try:
            newest = await self._newest()
        except SourceGoneError:
            return SOURCE_GONE
        if exit_reason := await self._open(newest):
            return exit_reason
        keeper.note_live()
        is_live = await self._set_live(lease) or (
            await keeper.hold() and await self._set_live(lease)
        )
        if not is_live:
            return await keeper.lost()
        log.info("live", extra={"session_id": self._id, "epoch": lease.epoch})
        return None

    async def _set_live(self, lease: Lease) -> bool:
        return await self._host.store.set_status(self._id, SessionStatus.LIVE, lease)

    async def _play(self, saving: Saving) -> ExitReason:
        """Saves a snapshot every SAVE_S and carries out requests. While Redis is away frames go
        on."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._requested.wait(), SAVE_S)
            self._requested.clear()
            if self._exit_reason is not None:
                return self._exit_reason
            try:
                if exit_reason := await self._carry_out_requests():
                    return exit_reason
                await saving.save(self._host.renderer.frame_loop.snapshot(self._id))
            except BackplaneError as error:
                repeated.warning("not saved", cause=str(error), session_id=self._id)
            except NotFiniteError as error:
                self.fail(BrokenFrameError(str(error)))

    async def _carry_out_requests(self) -> ExitReason | None:
        if self._wants_mending:
            return await self._mend()
        if self._wants_reset:
            return await self._start_over()
        return None

    async def _start_over(self) -> ExitReason | None:
        """Resets the world to the start of the session, under the same lease."""
        try:
            origin = await self._origin()
        except SourceGoneError:  # another beginning would be another world: this one goes on
            self._wants_reset = False
            self._host.renderer.send_state(self._id, {"state": "notice", "reason": NO_RESET})
            return None
        self._wants_reset = False
        if exit_reason := await self._reopen(origin):
            return exit_reason
        self._host.renderer.send_state(self._id, {"state": "reset"})
        log.info("reset", extra={"session_id": self._id})
        return None

    async def _mend(self) -> ExitReason | None:
        """Sets the world back to the last snapshot, under the same lease."""
        try:
            newest = await self._newest()
        except SourceGoneError:
            return SOURCE_GONE
        self._wants_mending, self._mended_s = False, time.monotonic()
        MENDED.add(1)
        log.warning("set back to its snapshot", extra={"session_id": self._id})
        return await self._reopen(newest)

    async def _newest(self) -> bytes | None:
        """The session's snapshot, or the snapshot that the session was forked from; None: a
        start. Raises SourceGoneError."""
        return await self._host.store.load_snapshot(self._id) or await self._origin()

    async def _origin(self) -> bytes | None:
        """The snapshot that the session was forked from; None: the session began at a start.
        Raises SourceGoneError."""
        if not self._record.snapshot_of:
            return None
        blob = await self._host.store.load_snapshot(self._record.snapshot_of)
        if blob is None:
            raise SourceGoneError(self._record.snapshot_of)
        return blob

    async def _reopen(self, blob: bytes | None) -> ExitReason | None:
        await asyncio.wrap_future(self._host.renderer.frame_loop.close(self._id))
        return await self._open(blob)

    async def _open(self, blob: bytes | None) -> ExitReason | None:
        """Opens the session in the engine. Returns the reason to leave, None when the session
        plays."""
        try:
            await self._until_open(blob)
        except ValueError as error:
            log.warning("refused", extra={"session_id": self._id, "reason": str(error)})
            return _refusal(error)
        except Exception as error:  # any error of the engine
            log.error("not opened", extra={"session_id": self._id, "error": repr(error)})
            self._host.note_failure(error)
            return FAILED
        return self._exit_reason

    async def _until_open(self, blob: bytes | None) -> None:
        """Returns when the session plays, or must leave. Raises DrawingError after OPEN_S."""
        frame_loop = self._host.renderer.frame_loop
        opened: Future[None]
        if blob is None:
            opened = frame_loop.open(self._id, start=self._record.start, seed=self._record.seed)
        else:
            snapshot = await asyncio.to_thread(WorldSnapshot.from_bytes, blob)
            opened = frame_loop.restore(self._id, snapshot)
        opening = asyncio.ensure_future(asyncio.wrap_future(opened))
        leaving = asyncio.ensure_future(self._leaves.wait())
        either: set[asyncio.Future[Any]] = {opening, leaving}
        try:
            await asyncio.wait(either, timeout=OPEN_S, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                await opening
            elif not leaving.done():
                raise DrawingError(f"the prefill took longer than {OPEN_S:.0f} s")
        finally:
            opening.cancel()
            leaving.cancel()

    async def _exit(
        self, exit_reason: ExitReason, lease: Lease, keeper: LeaseKeeper, saving: Saving
    ) -> None:
        """Saves, closes and writes the new status. A refused write means that another replica or
        service has changed the record."""
        store, renderer = self._host.store, self._host.renderer
        if exit_reason.saves:
            with suppress(NotFiniteError):  # the previous snapshot stands
                await saving.save(renderer.frame_loop.freeze(self._id))
        await asyncio.wrap_future(renderer.frame_loop.close(self._id))
        if exit_reason.status is SessionStatus.QUEUED:
            loss = await self._loss() if exit_reason.is_failure else None
            if not await store.requeue(self._id, lease, reason=exit_reason.reason, loss=loss):
                exit_reason = await keeper.lost()
        else:
            await store.set_status(
                self._id,
                exit_reason.status,
                lease,
                reason=exit_reason.reason,
                keeps_snapshot=exit_reason.keeps_snapshot,
            )
        renderer.send_state(self._id, {"state": exit_reason.word, "reason": exit_reason.reason})
        EXITS.add(1, {"to": exit_reason.status.value})
        await self._host.figures.add(self._host.world_digest, {exit_reason.figure: 1})
        log.info(
            "left", extra={"session_id": self._id, "epoch": lease.epoch, "to": exit_reason.word}
        )

    async def _loss(self) -> Loss:
        has_other = await self._host.registry.has_other(self._host.replica_id, self._record.world)
        return Loss.ONE_OF_MANY if has_other else Loss.ONLY


def _refusal(error: ValueError) -> ExitReason:
    if isinstance(error, DamagedSnapshotError):
        return DAMAGED
    return WORLD_CHANGED if isinstance(error, SnapshotError) else CANNOT_START
