"""Receives one session's frames from the replica that owns the session.

Speaks services/wire/frame over one TCP connection. Knows neither peers nor Redis; the caller names
the owner.
"""

import asyncio
import json
import logging
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.ingest.metrics import FRAMES_DROPPED, KEYFRAMES_ASKED, LINKS_BROKEN
from services.ingest.webrtc.token_bucket import TokenBucket
from services.wire.codec import VideoCodec
from services.wire.frame import (
    PREFIX_BYTES,
    EncodedFrame,
    Hello,
    Kind,
    pack,
    read_prefix,
)
from services.wire.link_socket import notice_dead_peer
from services.wire.session import SessionRecord

CONNECT_TIMEOUT_S = 2.0
FRAME_TIMEOUT_S = 2.0  # a live session's replica sends frames all the time
TRIES_BEFORE_STATUS = 3  # in a row without a frame
STATUS_INTERVAL_S = 2.0
NO_FRAMES = "No frames arrive from the machine that draws your world. We keep trying."
KEYFRAME_INTERVAL_S = 0.3  # a keyframe costs ten others; a lossy peer must not ask for more
BITRATE_INTERVAL_S = 0.2
RESET_INTERVAL_S = 2.0
MAX_UNSENT_BYTES = 1 << 14  # a replica that reads nothing gets nothing more

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The replica that renders a session, the key for access to the frames, and the requested
    codec."""

    epoch: int
    address: str
    link_key: str
    codec: VideoCodec = VideoCodec.H264

    @classmethod
    def of(cls, record: SessionRecord) -> "Owner":
        return cls(
            epoch=record.epoch,
            address=record.frame_address,
            link_key=record.link_key,
            codec=record.codec,
        )


class FrameLink:
    """Owns the connection. Frames of an epoch older than the newest followed epoch are dropped, so
    a replica with an expired lease shows nothing."""

    def __init__(
        self,
        session_id: str,
        *,
        on_frame: Callable[[EncodedFrame], None],
        on_state: Callable[[dict[str, Any]], None],
    ) -> None:
        self._session_id = session_id
        self._on_frame = on_frame
        self._on_state = on_state
        self._owner: Owner | None = None
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._num_failed = 0  # tries in a row that brought no frame
        self._statuses = TokenBucket(per_s=1 / STATUS_INTERVAL_S, burst=1)
        self._keyframe_at_s = 0.0
        self._keyframe_timer: asyncio.TimerHandle | None = None
        self._bitrate_at_s = 0.0
        self._resets = TokenBucket(per_s=1 / RESET_INTERVAL_S, burst=1)

    @property
    def is_broken(self) -> bool:
        """Returns whether no connection is open or being opened."""
        return self._task is None or self._task.done()

    async def follow(self, owner: Owner) -> None:
        """Connects to `owner` and closes the previous connection. No-op if the connection to
        `owner` exists or is being opened."""
        is_older = self._owner is not None and owner.epoch < self._owner.epoch
        if is_older and not self.is_broken:
            return  # after a failover of Redis epochs begin again; the newer owner is gone by then
        if owner == self._owner and not self.is_broken:
            return
        await self._disconnect()
        self._owner = owner
        self._task = asyncio.create_task(self._serve(owner))

    def request_keyframe(self) -> None:
        """Requests a keyframe; several requests in a short time are merged."""
        if self._keyframe_timer is None:
            wait_s = self._keyframe_at_s + KEYFRAME_INTERVAL_S - time.monotonic()
            loop = asyncio.get_running_loop()
            self._keyframe_timer = loop.call_later(max(0.0, wait_s), self._send_keyframe)

    def report_bitrate(self, bits_per_s: int) -> None:
        """Reports the bit rate that the player can receive. Some of many reports are skipped."""
        now = time.monotonic()
        if now - self._bitrate_at_s >= BITRATE_INTERVAL_S:
            self._bitrate_at_s = now
            self._send(pack(Kind.BITRATE, struct.pack("<I", min(bits_per_s, 2**32 - 1))))

    def request_reset(self) -> None:
        """Requests a reset to the session's start. A reset costs the replica a prefill, so requests
        are rate-limited."""
        if self._resets.take(time.monotonic()):
            self._send(pack(Kind.RESET))

    async def close(self) -> None:
        await self._disconnect()
        self._forget_keyframe_request()

    async def _serve(self, owner: Owner) -> None:
        try:
            await self._converse(owner)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self._note_failure(owner, str(error) or repr(error))

    def _note_failure(self, owner: Owner, reason: str) -> None:
        """One line at the first failure and one when it goes on; words for the player then."""
        self._num_failed += 1
        LINKS_BROKEN.add(1)
        event = {"session_id": self._session_id, "epoch": owner.epoch, "address": owner.address}
        if self._num_failed == 1:
            log.info("frame link broken", extra=event | {"reason": reason})
        if self._num_failed == TRIES_BEFORE_STATUS:
            log.warning("no frames arrive", extra=event | {"reason": reason})
        if self._num_failed >= TRIES_BEFORE_STATUS and self._statuses.take(time.monotonic()):
            self._on_state({"state": "unreachable", "reason": NO_FRAMES})

    async def _converse(self, owner: Owner) -> None:
        """Runs until the connection ends, which it always does by an exception."""
        host, _, port = owner.address.rpartition(":")
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, int(port))
        self._writer = writer
        notice_dead_peer(writer.get_extra_info("socket"))
        try:
            hello = Hello(
                session_id=self._session_id,
                epoch=owner.epoch,
                link_key=owner.link_key,
                codec=owner.codec,
            )
            writer.write(pack(Kind.HELLO, hello.to_body()))
            while True:
                kind, body = await _read_message(reader)
                self._receive(kind, body, owner)
                # Two frames that arrived together: let the tracks take one before the next.
                await asyncio.sleep(0)
        finally:
            self._writer = None
            writer.close()

    def _receive(self, kind: Kind, body: bytes, owner: Owner) -> None:
        """Raises ValueError on what a replica does not say."""
        if kind is Kind.FRAME:
            frame = EncodedFrame.from_body(body)
            if frame.epoch < owner.epoch:
                FRAMES_DROPPED.add(1, {"reason": "stale_epoch"})
                return
            if frame.is_key:
                self._forget_keyframe_request()
            self._num_failed = 0
            self._on_frame(frame)
        elif kind is Kind.STATE:
            match json.loads(body):
                case {"state": str()} as state:
                    self._on_state(state)
                case other:
                    raise ValueError(f"not a state: {other!r:.100}")
        else:
            raise ValueError(f"a replica sends no {kind.name}")

    def _send_keyframe(self) -> None:
        self._keyframe_timer = None
        self._keyframe_at_s = time.monotonic()
        self._send(pack(Kind.KEYFRAME))
        KEYFRAMES_ASKED.add(1)

    def _forget_keyframe_request(self) -> None:
        if self._keyframe_timer is not None:
            self._keyframe_timer.cancel()
            self._keyframe_timer = None

    def _send(self, message: bytes) -> None:
        writer = self._writer
        if writer is not None and writer.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
            writer.write(message)

    async def _disconnect(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


async def _read_message(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """Raises TimeoutError when the whole of it does not come within FRAME_TIMEOUT_S."""
    try:
        async with asyncio.timeout(FRAME_TIMEOUT_S):
            kind, size = read_prefix(await reader.readexactly(PREFIX_BYTES))
            return kind, await reader.readexactly(size)
    except TimeoutError:
        raise TimeoutError(f"no frame came for {FRAME_TIMEOUT_S} s") from None
