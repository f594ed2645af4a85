"""One session in this ingest process: peers, frame link, and action forwarding.

Follows the session record in Redis and never changes ownership.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

from services.backplane.connection import BackplaneError
from services.backplane.player_lock import PlayerLock
from services.backplane.queue_positions import QueuePositions
from services.backplane.sessions import SessionStore
from services.ingest.action_gate import ActionGate, ActionStream, ActionVerdict
from services.ingest.frame_link import FrameLink, Owner
from services.ingest.time_left import ending_soon
from services.ingest.webrtc.peers import Peers
from services.repeated_log import RepeatedLog
from services.wire.session import RECORD_GONE, SessionRecord, SessionStatus

TICK_S = 0.25
BEAT_S = 1.0
GONE_S = 4.0  # an owner renews every second
CLOSE_DELAY_S = 0.5  # how long the last words have to reach the page

repeated = RepeatedLog(logging.getLogger(__name__))


class Socket(Protocol):
    """A WebSocket with actions, in place of a data channel."""

    async def end(self) -> None: ...
    async def close_replaced(self) -> None: ...
    async def fail(self) -> None: ...


class SessionHub:
    """Runs one session: ticks four times a second while a peer or socket is present, then closes
    (`is_open` is False) and `run` returns."""

    def __init__(
        self,
        record: SessionRecord,
        *,
        store: SessionStore,
        queue: QueuePositions,
        player_lock: PlayerLock,
        actions: ActionStream,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session_id = record.session_id
        self.is_open = True
        self.peers = Peers(self.session_id, player_lock, clock=clock)
        self._socket: Socket | None = None
        self._store = store
        self._queue = queue
        self._world = record.world
        self._clock = clock
        self._gate = ActionGate(self.session_id, actions, clock=clock)
        self._gate.replica_id = _owner_id(record)
        self._link = FrameLink(self.session_id, on_frame=self.peers.put, on_state=self._pass_on)
        self._status: SessionStatus | None = None
        self._shown: dict[str, Any] = {}
        self._next_beat_s = 0.0
        self._ends_at_s: float | None = None
        self._missed_s: float | None = None  # since when there is no record

    @property
    def has_socket(self) -> bool:
        return self._socket is not None

    async def attach(self, socket: Socket) -> None:
        """Takes actions from this socket; closes an older socket."""
        older, self._socket = self._socket, socket
        if older is not None:
            await older.close_replaced()

    def detach(self, socket: Socket) -> None:
        if self._socket is socket:
            self._socket = None

    def take_action(self, message: bytes) -> ActionVerdict:
        return self._gate.offer(message)

    def poll_soon(self) -> None:
        """Reads the record at the next tick instead of the next beat, because the record has
        changed."""
        self._next_beat_s = 0.0

    def request_keyframe(self) -> None:
        self._link.request_keyframe()

    def request_reset(self) -> None:
        self._link.request_reset()

    def report_bitrate(self, bits_per_s: int) -> None:
        self._link.report_bitrate(bits_per_s)

    async def run(self) -> None:
        """Runs until the last peer leaves. Raises the error of the action forwarding, because no
        player can play without actions."""
        async with AsyncExitStack() as stack:  # each of these happens, whatever the others raise
            forwarding = asyncio.create_task(self._gate.run())
            stack.push_async_callback(_cancelled, forwarding)
            stack.push_async_callback(self._link.close)
            stack.push_async_callback(self.peers.dismiss_all)
            stack.push_async_callback(self._shut)
            while self.peers or self._socket:
                await self._tick()
                if forwarding.done():
                    forwarding.result()
                await asyncio.sleep(TICK_S)

    async def _shut(self) -> None:
        self.is_open = False
        if self._socket is not None:  # nobody would forward what it brings
            await self._socket.fail()

    async def _tick(self) -> None:
        now = self._clock()
        await self.peers.dismiss_failed()
        if self._ends_at_s is not None:
            if now >= self._ends_at_s:
                await self._empty()
            return
        is_beat = now >= self._next_beat_s
        try:
            if is_beat:
                self._next_beat_s = now + BEAT_S
                await self._beat()
            if is_beat or self._link.is_broken:
                await self._follow(await self._store.get(self.session_id))
        except BackplaneError as error:  # who plays goes on playing; the next tick looks again
            repeated.warning("no record", cause=str(error), session_id=self.session_id)
        self.peers.show(self._shown)

    async def _beat(self) -> None:
        self.peers.broadcast({"type": "heartbeat"})
        await self.peers.renew_player_lock()
        player = self.peers.player
        if player is not None or self._socket is not None:
            is_connected = self._socket is not None or (player is not None and player.is_connected)
            await self._store.mark_seen(self.session_id, is_connected=is_connected)

    async def _follow(self, record: SessionRecord | None) -> None:
        if record is None:
            await self._miss()
            return
        self._missed_s = None
        if record.status is SessionStatus.ENDED:
            await self._end(record.reason)
            return
        self._gate.replica_id = _owner_id(record)
        await self.peers.dismiss_watchers_without(record.codec)
        if record.status is SessionStatus.LIVE:
            await self._link.follow(Owner.of(record))
        if record.status is SessionStatus.PAUSED and self.peers.player is not None:
            await self._wake()
        else:
            await self._announce(record)
        if (warning := ending_soon(record)) is not None:
            self.peers.broadcast(warning)

    async def _miss(self) -> None:
        """The record is gone. Its owner writes it again if Redis was restarted without it."""
        now = self._clock()
        self._missed_s = now if self._missed_s is None else self._missed_s
        if now - self._missed_s > GONE_S:
            await self._end(RECORD_GONE)

    async def _wake(self) -> None:
        """To the end of the line, which the next look tells; where that is full, to behind it."""
        if not await self._store.wake(self.session_id):
            self._shown = {"type": "status", "status": SessionStatus.QUEUED.value}
            self._shown["position"] = await self._queue.length(self._world)

    async def _announce(self, record: SessionRecord) -> None:
        was_live = self._status is SessionStatus.LIVE
        if was_live and record.status in (SessionStatus.QUEUED, SessionStatus.STARTING):
            self.peers.broadcast({"type": "moving", "reason": record.reason})
        if record.status is SessionStatus.PAUSED and self._status is not SessionStatus.PAUSED:
            self.peers.broadcast({"type": "paused", "reason": record.reason})
        self._status = record.status
        self._shown = {"type": "status", "status": record.status.value}
        if record.status is SessionStatus.QUEUED:
            self._shown["position"] = await self._queue.position(self.session_id)

    async def _end(self, reason: str) -> None:
        self._ends_at_s = self._clock() + CLOSE_DELAY_S
        self.peers.broadcast({"type": "ending", "reason": reason})
        if self._socket is not None:
            await self._socket.end()

    async def _empty(self) -> None:
        await self.peers.dismiss_all()
        self._socket = None

    def _pass_on(self, state: dict[str, Any]) -> None:
        """What the replica has to say to the player, in the words of `control`."""
        self.peers.broadcast(
            {"type": state["state"]} | {k: v for k, v in state.items() if k != "state"}
        )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _owner_id(record: SessionRecord) -> str:
    """Empty while nobody renders the session."""
    return record.replica_id if record.status is SessionStatus.LIVE else ""
