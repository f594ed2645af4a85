"""A replica: an engine, the sessions on the engine, an entry in the registry. Knows no Ray.

`deployment.py` puts `Replica` behind Ray Serve; tests use `Replica` directly.
"""

import asyncio
import contextlib
import logging
import time
from uuid import uuid4

from model.world import WorldSpec
from services.backplane.action_reader import ActionReader
from services.backplane.connection import BackplaneError, connect
from services.backplane.orders import ReplicaOrders
from services.backplane.redis_probe import RedisProbe
from services.backplane.releases import VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import PRESENT_MS, SessionStore
from services.generation.frames.ports import Engine
from services.generation.renderer import Renderer
from services.generation.sessions.exit_reason import MOVING, NO_PICTURE
from services.generation.sessions.live_session import Host, LiveSession
from services.generation.sessions.sent_away import SentAway
from services.generation.sessions.standing import Standing
from services.generation.settings import GenerationSettings
from services.generation.video.encode_loop import EncodingError
from services.generation.video.encoder import VideoFormat, find_codec
from services.generation.video.h264_level import choose_upscale
from services.repeated_log import RepeatedLog
from services.telemetry import meter
from services.wire.world import WorldOffer

HEARTBEAT_S = 1.0
PROOF_POLL_S = 0.25  # between two checks whether a proof is due
BEATS_PER_LISTING = 8  # a listing in Redis lives for more beats

SESSIONS = meter.create_gauge("nextframe_sessions", description="sessions on this replica")
SLOTS = meter.create_gauge("nextframe_slots", description="sessions this replica can hold")
TICK = meter.create_gauge(
    "nextframe_tick",
    unit="s",
    description="engine time of a frame for every session, by sessions, measured at warm-up",
)

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class Replica:
    """Owns the sessions of an engine. Made, started, used and stopped on the same event loop.
    `group`: the dispatcher's name for the replicas of a deployment; the first part of
    `replica_id`."""

    def __init__(
        self,
        settings: GenerationSettings,
        spec: WorldSpec,
        engine: Engine,
        listing: WorldOffer,
        group: str = "",
    ) -> None:
        self.replica_id = group + uuid4().hex
        self._settings = settings
        self._spec = spec
        self._listing = listing
        self._redis = connect(settings.redis)
        self._probe = RedisProbe(self._redis)
        self._store = SessionStore(self._redis)
        self._registry = ReplicaRegistry(self._redis)
        self._orders = ReplicaOrders(self._redis)
        self._actions = ActionReader(settings.redis, self.replica_id)
        self._renderer = Renderer(
            spec,
            engine,
            self._actions,
            _video_format(settings, spec),
            self._session_failed,
            self._engine_faulted,
            speculation=settings.speculation,
        )
        self._standing = Standing()
        self._host: Host | None = None
        self._heartbeats: asyncio.Task[None] | None = None
        self._proving: asyncio.Task[None] | None = None
        self._proof: asyncio.Task[None] | None = None
        self._sessions: dict[str, LiveSession] = {}
        self._changed = asyncio.Event()
        self._counted = (0, 0)  # frames and late frames
        self._sent_away = SentAway()
        self._is_set_aside = False  # by an operator, who may take it back
        self._is_draining = False
        self._is_stopping = False

    async def start(self) -> None:
        """Returns when the engine is warm and the registry lists the replica."""
        settings = self._settings
        port = await self._renderer.start(
            settings.frame_host, settings.frame_port, bounds=settings.slot_bounds
        )
        self._host = Host(
            replica_id=self.replica_id,
            frame_address=f"{settings.frame_advertise or settings.frame_host}:{port}",
            world_digest=self._listing.digest,
            store=self._store,
            registry=self._registry,
            figures=VersionFigures(self._redis),
            renderer=self._renderer,
            note_failure=self._note_failure,
            absent_s=settings.absent_s,
        )
        self._show_capacity()
        await self._beat(with_listing=True)
        self._heartbeats = asyncio.create_task(self._keep_beating())
        self._proving = asyncio.create_task(self._keep_proving())
        log.info("replica ready", extra={"replica_id": self.replica_id, "frames_at": port})

    async def run_session(self, session_id: str) -> None:
        """Plays the session until the session leaves. Returns at once when the replica cannot take
        the session."""
        assert self._host is not None
        if session_id in self._sessions or self.num_free == 0 or await self._was_moved(session_id):
            return
        record = await self._store.get(session_id)
        if record is None or record.world != self._spec.name:
            return
        if (
            session_id in self._sessions or self.num_free == 0
        ):  # other sessions may have come meanwhile
            return
        session = LiveSession(record, self._host)
        self._sessions[session_id] = session
        self._changed.set()
        try:
            await self._end_proof()
            await session.run()
        finally:
            del self._sessions[session_id]
            self._changed.set()

    @property
    def num_free(self) -> int:
        """Number of sessions that the replica would take; 0 under overload and while a proof is
        outstanding."""
        if self.refusal or self._renderer.frame_loop.refuses_sessions:
            return 0
        return self._renderer.slots - len(self._sessions)

    @property
    def is_draining(self) -> bool:
        """The replica takes no session because of its end or by an operator's order."""
        return self._is_draining or self._is_set_aside

    @property
    def refusal(self) -> str:
        """Why the replica takes no session in spite of free slots, for operators; empty if it
        does."""
        if self._host is None:
            return "starting"
        if self.is_draining:
            return "draining"
        return self._renderer.fault or self._standing.reason

    async def scaling_figures(self) -> dict[str, float]:
        """For the autoscaling policy: what the replica advertises, the waiting sessions of the
        world, and the share of late frames since the last call. Raises BackplaneError."""
        queued = await self._store.queued(within_ms=PRESENT_MS)
        before, self._counted = self._counted, self._renderer.frame_loop.frame_counts
        shown, late = (now - then for now, then in zip(self._counted, before, strict=True))
        return {
            "slots": len(self._sessions) + self.num_free,
            "used": len(self._sessions),
            "waiting": sum(session.world == self._spec.name for session in queued),
            "late_share": late / shown if shown else 0.0,
        }

    async def why_not_ready(self) -> str:
        """Why no session could be taken now in spite of free slots; empty if one could."""
        return self.refusal or await self._probe.why_not_ready()

    async def check(self) -> None:
        """Raises RuntimeError when only a new process can help. A replica with failed proofs goes
        on while its sessions get frames."""
        if fault := self._renderer.fault:
            raise RuntimeError(fault)
        if self._standing.is_hopeless and not self._sessions:
            raise RuntimeError(self._standing.reason)

    async def drain(self) -> bool:
        """Takes no more sessions; all sessions are saved and go back to the queue. False when some
        sessions were left after `drain_s`."""
        self._is_draining = True
        self._give_sessions_away()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                while self._sessions:
                    await self._changed.wait()
                    await asyncio.sleep(0.02)
        return not self._sessions

    def _give_sessions_away(self) -> None:
        self._changed.set()
        for session in self._sessions.values():
            session.leave(MOVING)

    async def _obey(self) -> None:
        """Carries out the orders of operators. Nothing takes back the drain of a replica that
        ends."""
        orders = await self._orders.take(self.replica_id)
        if orders.drains is not None and orders.drains != self._is_set_aside:
            self._is_set_aside = orders.drains
            log.info("set aside" if orders.drains else "takes sessions again")
            self._changed.set()
            if orders.drains:
                self._give_sessions_away()
        for session_id in orders.moves:
            if session := self._sessions.get(session_id):
                self._sent_away.note(session_id, time.monotonic())
                session.leave(MOVING)

    async def _was_moved(self, session_id: str) -> bool:
        """An operator has just sent the session away, and another replica could take it."""
        if not self._sent_away.is_recent(session_id, time.monotonic()):
            return False
        return await self._registry.has_other(self.replica_id, self._spec.name)

    async def stop(self) -> None:
        await self.drain()
        self._is_stopping = True
        self._changed.set()
        for task in (self._heartbeats, self._proving):
            if task is not None:
                await task
        await self._renderer.stop()
        self._actions.close()
        await self._redis.aclose()

    def _session_failed(self, session_id: str, error: Exception) -> None:
        session = self._sessions.get(session_id)
        if isinstance(error, EncodingError):  # a proof tries the engine, not the encoder
            if session is not None:
                session.leave(NO_PICTURE)
            return
        self._note_failure(error)
        if session is not None:
            session.fail(error)

    def _engine_faulted(self, error: Exception) -> None:
        self._note_failure(error)

    def _note_failure(self, error: Exception) -> None:
        self._standing.note_failure(f"failed: {error!r:.200}")
        self._changed.set()

    async def _keep_proving(self) -> None:
        """Ended by a flag, like the heartbeats."""
        while not self._is_stopping:
            has_room = len(self._sessions) < self._renderer.slots
            if has_room and self._standing.needs_proof(is_idle=not self._sessions):
                self._proof = asyncio.create_task(self._prove())
                await asyncio.wait({self._proof})
                self._changed.set()
            await asyncio.sleep(PROOF_POLL_S)

    async def _prove(self) -> None:
        try:
            await self._renderer.prove()
        except Exception as error:
            log.warning("proof failed", extra={"error": repr(error)})
            self._standing.note_failed_proof(f"a proof failed: {error!r:.200}")
        else:
            self._standing.note_proof()

    async def _end_proof(self) -> None:
        """Frees the slot of a running proof for a new session."""
        if self._proof is not None and not self._proof.done():
            self._proof.cancel()
            await asyncio.wait({self._proof})

    async def _keep_beating(self) -> None:
        """Beats every HEARTBEAT_S, and at once when a session came or went. Ended by a flag,
        because redis-py may swallow a cancellation."""
        beat = 0
        while not self._is_stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._changed.wait()
            self._changed.clear()
            beat += 1
            try:
                await self._beat(with_listing=beat % BEATS_PER_LISTING == 0)
                await self._obey()
            except BackplaneError as error:
                repeated.warning("no heartbeat", cause=str(error))
                await asyncio.sleep(HEARTBEAT_S)

    def _show_capacity(self) -> None:
        world, renderer = self._spec.name, self._renderer
        SLOTS.set(renderer.slots, {"world": world})
        for number, seconds in renderer.capacity.ticks_s:
            TICK.set(seconds, {"world": world, "sessions": number})
        ticks_ms = {number: round(1e3 * s, 1) for number, s in renderer.capacity.ticks_s}
        log.info("capacity measured", extra={"slots": renderer.slots, "ticks_ms": ticks_ms})

    async def _beat(self, *, with_listing: bool) -> None:
        SESSIONS.set(len(self._sessions), {"world": self._spec.name})
        await self._registry.heartbeat(
            self.replica_id,
            slots=len(self._sessions) + self.num_free,
            used=len(self._sessions),
            world=self._spec.name,
            draining=self.is_draining,
            world_digest=self._listing.digest,
            refusal=self.refusal,
            capacity=self._renderer.capacity,
            level=self._renderer.frame_loop.level,
        )
        if with_listing:
            await self._registry.publish_world(self._listing)


def _video_format(settings: GenerationSettings, spec: WorldSpec) -> VideoFormat:
    upscale = choose_upscale(settings.upscale, spec.width, spec.height, spec.fps)
    return VideoFormat(
        codec=find_codec(settings.encoder),
        width=spec.width * upscale,
        height=spec.height * upscale,
        fps=spec.fps,
    )
