"""The player's side of a WebRTC connection: incoming video, outgoing actions, notes and control.

Stamps every event into the player's log and evaluates nothing. Knows no HTTP; the caller transports
offer and answer.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from loadtest.player_log import PlayerLog
from loadtest.rtc_hooks import skip_decoding, watch_packets
from loadtest.scripted_input import ScriptedInput

HEARTBEAT_S = 1.0


class PlayerConnection:
    """Owns the WebRTC connection and opens the three data channels."""

    def __init__(self, log: PlayerLog, *, ice_servers: Sequence[dict[str, Any]]) -> None:
        self.ended = asyncio.Event()  # by the services, not by us
        self.first_frame = asyncio.Event()
        self._log = log
        servers = [RTCIceServer(**server) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._connection.add_listener("connectionstatechange", self._on_state)
        video = self._connection.addTransceiver("video", direction="recvonly")
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        video.setCodecPreferences([c for c in known.codecs if c.name in {"H264", "rtx"}])
        self._receiver = video.receiver
        watch_packets(self._receiver, self._on_packet)
        if not log.is_full:
            skip_decoding(self._receiver)
        self._input = self._connection.createDataChannel("input", ordered=False, maxRetransmits=0)
        notes = self._connection.createDataChannel("notes", ordered=False, maxRetransmits=0)
        notes.add_listener("message", log.on_note)
        self._control = self._connection.createDataChannel("control")
        self._control.add_listener("message", self._on_control)

    async def offer(self) -> str:
        """Returns the SDP offer with all candidates."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Raises ValueError if the answer is not valid SDP for the offer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        self._connection.remove_all_listeners()
        stats = await self._receiver.getStats()
        self._log.num_packets_lost = sum(
            entry.packetsLost for entry in stats.values() if entry.type == "inbound-rtp"
        )
        await self._connection.close()

    async def beat(self) -> None:
        """Sends a heartbeat each second until cancelled."""
        while True:
            if self._control.readyState == "open":
                self._control.send(json.dumps({"type": "heartbeat"}))
            await asyncio.sleep(HEARTBEAT_S)

    async def play(self, scripted: ScriptedInput) -> None:
        """Sends one action per frame period, from the first frame on."""
        await self.first_frame.wait()
        next_at = time.monotonic()
        while True:
            if self._input.readyState == "open":
                action = scripted.next_action(sent_at_ms=time.time() * 1000)
                self._log.sent_at[action.seq] = time.monotonic()
                self._input.send(action.to_bytes())
            next_at = max(
                next_at + scripted.next_pause_s(), time.monotonic()
            )  # no burst after a stall
            await asyncio.sleep(next_at - time.monotonic())

    async def watch(self) -> None:
        """Consumes the decoded frames; only a decoding player receives any."""
        await self.first_frame.wait()  # the track is there by then
        while self._log.is_full:
            try:
                picture = await self._receiver.track.recv()
            except MediaStreamError:
                return
            assert isinstance(picture, VideoFrame)
            self._log.on_picture(picture.width, picture.height)

    def _on_packet(self, rtp_timestamp: int, num_bytes: int, at: float) -> None:
        self._log.on_packet(rtp_timestamp, num_bytes, at)
        self.first_frame.set()

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._log.connected_at = time.monotonic()
        elif state in {"failed", "closed"} and self._log.left_at is None:
            self._end(f"the peer connection {state}")

    def _on_control(self, message: str) -> None:
        match json.loads(message):
            case {"type": "ending", **rest}:
                self._end(f"the services ended the session: {rest.get('reason', '')}")
            case {"type": "status", "status": str(status)}:
                self._log.status = status
            case {"type": "moving" | "paused" as change, **rest}:
                self._log.fail(f"{change} while playing: {rest.get('reason', '')}")

    def _end(self, error: str) -> None:
        self._log.fail(error)
        self.ended.set()
