"""The outgoing video of one peer: encoded packets, newest frame only. Never encodes and never
sleeps; the replica sets the cadence. Knows neither sessions nor the network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiortc import MediaStreamTrack
from aiortc.mediastreams import VIDEO_CLOCK_RATE, VIDEO_TIME_BASE
from av.packet import Packet
from av.stream import Stream

from services.ingest.metrics import FRAMES_DROPPED
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame


class FrameTrack(MediaStreamTrack):
    """A slot of one encoded frame between the frame link and the RTP sender.

    Frames depend on previous frames. Replacing an unsent frame breaks the chain: `on_lost` requests
    a keyframe, and nothing is sent until the keyframe arrives. The start and a change of owner work
    the same way. `on_sent` is called for every completely sent frame.
    """

    kind = "video"

    def __init__(
        self,
        *,
        codec: VideoCodec = VideoCodec.H264,
        on_lost: Callable[[], None],
        on_sent: Callable[[EncodedFrame], None],
    ) -> None:
        super().__init__()
        self._codec = codec
        self._on_lost = on_lost
        self._on_sent = on_sent
        self._arrived = asyncio.Event()
        self._slot: EncodedFrame | None = None
        self._sending: EncodedFrame | None = None
        self._epoch = 0
        self._is_lost = True
        self._start_s = time.monotonic()
        self._pts = -1

    def put(self, frame: EncodedFrame) -> None:
        """Stores the newest frame and replaces a waiting frame. A frame in another codec than
        `codec` is dropped, since the replica does not know the player's codec yet."""
        if frame.codec is not self._codec:
            self._is_lost = True  # the first frame in ours will be a keyframe
            FRAMES_DROPPED.add(1, {"reason": "codec"})
            return
        if self._slot is not None or frame.epoch != self._epoch:
            self._is_lost = True
        if self._slot is not None:
            FRAMES_DROPPED.add(1, {"reason": "replaced"})
            self._slot = None
        self._epoch = frame.epoch
        if frame.is_key:
            self._is_lost = False
        if self._is_lost:
            FRAMES_DROPPED.add(1, {"reason": "no_keyframe"})
            self._on_lost()
            return
        self._slot = frame
        self._arrived.set()

    async def recv(self) -> Packet[Stream]:
        """Waits for and returns the next packet; the sender calls `recv` again after sending the
        packet."""
        if self._sending is not None:
            self._on_sent(self._sending)
            self._sending = None
        while self._slot is None:
            self._arrived.clear()
            await self._arrived.wait()
        self._sending, self._slot = self._slot, None
        return self._packet(self._sending.payload)

    def _packet(self, payload: bytes) -> Packet[Stream]:
        elapsed = int((time.monotonic() - self._start_s) * VIDEO_CLOCK_RATE)
        self._pts = max(self._pts + 1, elapsed)
        packet = Packet(payload)
        packet.pts = self._pts
        packet.time_base = VIDEO_TIME_BASE
        return packet
