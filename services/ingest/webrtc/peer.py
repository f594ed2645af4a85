"""One WebRTC connection: outgoing video, and data channels for a player.

Takes no decision about sessions; the host ticks and closes the peer.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from aiortc import (
    RTCConfiguration,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from services.callers import Caller
from services.ingest.action_gate import ActionVerdict
from services.ingest.metrics import FRAMES_SENT, HOP, RECEIVABLE, VIDEO_BYTES
from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.answer import finish_answer
from services.ingest.webrtc.channels import Channels, frame_note
from services.ingest.webrtc.hop_clock import HopClock
from services.ingest.webrtc.offer import MAX_CANDIDATES, Offer, bad
from services.ingest.webrtc.places import full
from services.ingest.webrtc.share import ProcessorShare
from services.ingest.webrtc.track import FrameTrack
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame

CONNECT_TIMEOUT_S = 10.0
SILENCE_S = 6.0

log = logging.getLogger(__name__)


class CloseReason(StrEnum):
    """Reason for closing a peer; also the label of the counter."""

    GONE = "gone"
    LOCK_LOST = "unseated"  # somebody else plays now
    NEVER_CONNECTED = "never_connected"
    SILENT = "silent"
    DISPLACED = "displaced"  # its place was needed for somebody who comes first
    FLOOD = "flood"
    CODEC = "codec"  # a watcher that cannot decode what the new player's browser decodes


class PeerHost(Protocol):
    """The session interface for a peer."""

    def take_action(self, message: bytes) -> ActionVerdict: ...
    def request_keyframe(self) -> None: ...
    def request_reset(self) -> None: ...
    def report_bitrate(self, bits_per_s: int) -> None: ...


NOBODY = Caller(address="unknown")  # as `caller_of` for no address


class Peer:
    """Owns one connection. An offer with data channels makes a player, an offer without makes a
    watcher. `peer_id` is secret and part of the Location. `caller`: who counts against the
    limits."""

    def __init__(
        self,
        peer_id: str,
        offer: Offer,
        host: PeerHost,
        configuration: RTCConfiguration,
        *,
        codec: VideoCodec = VideoCodec.H264,
        caller: Caller = NOBODY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hop_clock = HopClock()
        self.id = peer_id
        self.offer = offer
        self.codec = codec
        self.is_player = offer.is_player
        self.caller = caller
        self.created_s = clock()
        self._abuse = Abuse()
        self._share = ProcessorShare()
        self.channels = Channels(host.take_action, host.request_reset, self._abuse, clock=clock)
        self.track = FrameTrack(codec=codec, on_lost=host.request_keyframe, on_sent=self._note)
        self._host = host
        self._clock = clock
        self._connected_s: float | None = None
        self._num_candidates = 0
        self._shown: dict[str, Any] | None = None
        self._connection = RTCPeerConnection(configuration)
        self._connection.on("datachannel", self.channels.add)
        self._sender = self._add_sender()

    @property
    def is_connected(self) -> bool:
        return self._connection.connectionState == "connected"

    @property
    def is_half_open(self) -> bool:
        """Returns True before the first connection."""
        return self._connected_s is None and not self.is_connected

    async def answer(self) -> str:
        """Returns the SDP answer. Raises Problem 400 for an offer that aiortc cannot answer, 503 if
        the peer lost the place meanwhile."""
        if self.offer.has_audio:
            self._connection.addTransceiver("audio", direction="inactive")
        try:
            await asyncio.sleep(0)  # aiortc reads the offer again: in a turn of the loop of its own
            offered = RTCSessionDescription(sdp=self.offer.sdp, type="offer")
            await self._connection.setRemoteDescription(offered)
            rtc_hooks.guard_connection(self._connection, self._abuse, self._share)
            await self._connection.setLocalDescription()
        except Exception as error:  # whatever aiortc trips over, the offer is at fault
            if self._connection.connectionState == "closed":
                raise full() from error
            log.info("offer refused", extra={"reason": repr(error)})
            raise bad("This offer cannot be answered.") from error
        return finish_answer(self._connection.localDescription.sdp, self.offer)

    async def add_candidates(self, candidates: list[RTCIceCandidate]) -> None:
        """Raises Problem 400 beyond the maximum number of candidates."""
        self._num_candidates += len(candidates)
        if self._num_candidates > MAX_CANDIDATES:
            raise bad(f"At most {MAX_CANDIDATES} candidates are taken.")
        for candidate in candidates:
            await self._connection.addIceCandidate(candidate)
            await asyncio.sleep(0)  # aioice sorts all its pairs for each

    async def close(self) -> None:
        await self._connection.close()

    def close_reason(self) -> CloseReason | None:
        """Returns the reason to close this peer now, or None. The host asks several times a
        second."""
        now = self._clock()
        if self._abuse.reason:
            return CloseReason.FLOOD
        if self._connection.connectionState in ("failed", "closed"):
            return CloseReason.GONE
        if not self.is_connected:
            return CloseReason.NEVER_CONNECTED if now - self.created_s > CONNECT_TIMEOUT_S else None
        if self._connected_s is None:
            self._connected_s = now
        if (
            self.is_player
            and now - max(self._connected_s, self.channels.last_message_s) > SILENCE_S
        ):
            return CloseReason.SILENT
        return None

    def send(self, message: dict[str, Any]) -> bool:
        """Sends on `control`; returns False if the channel is not open."""
        return self.channels.send("control", message)

    def show(self, status: dict[str, Any]) -> None:
        """Sends the session's status once, as soon as `control` is open."""
        if status != self._shown and self.send(status):
            self._shown = status

    def _add_sender(self) -> RTCRtpSender:
        transceiver = self._connection.addTransceiver(self.track, direction="sendonly")
        rtc_hooks.send_only(transceiver, self.codec)
        rtc_hooks.watch_sender(
            transceiver.sender,
            self._share,
            on_keyframe=self._host.request_keyframe,
            on_bitrate=self._report_bitrate,
        )
        return transceiver.sender

    def _report_bitrate(self, bits_per_s: int) -> None:
        if self.is_player:  # a watcher's bad line is not the player's
            RECEIVABLE.record(bits_per_s)
            self._host.report_bitrate(bits_per_s)

    def _note(self, frame: EncodedFrame) -> None:
        hop_s = self._hop_clock.hop_s(sent_at_s=frame.sent_at_ms / 1000, now_s=time.time())
        FRAMES_SENT.add(1)
        VIDEO_BYTES.add(len(frame.payload))
        HOP.record(hop_s)
        rtp_timestamp = rtc_hooks.last_rtp_timestamp(self._sender)
        note = frame_note(frame, rtp_timestamp=rtp_timestamp, hop_ms=hop_s * 1000)
        self.channels.send("notes", note)
