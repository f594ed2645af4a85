"""A hostile peer in a separate thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from struct import pack
from typing import Any, TypeVar

from aiortc import RTCConfiguration, RTCSessionDescription
from aiortc.rtcsctptransport import (
    WEBRTC_BINARY,
    Chunk,
    DataChunk,
    RTCSctpTransport,
    serialize_packet,
    tsn_plus_one,
)

from services.ingest.action_gate import ActionVerdict
from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.offer import CandidateRule, read_offer
from services.ingest.webrtc.peer import Peer, PeerHost
from tests.services.ingest.ingest_kit import WHOLE, Browser, encoded

PER_PACKET = 59  # one-byte messages in a packet of 1,200 bytes
T = TypeVar("T")
RULE = CandidateRule(private=True, loopback=True)


class NoHost:
    """A session that ignores everything."""

    def take_action(self, message: bytes) -> ActionVerdict:
        return ActionVerdict.NOT_LIVE

    def request_keyframe(self) -> None: ...

    def request_reset(self) -> None: ...

    def report_bitrate(self, bits_per_s: int) -> None: ...


class Attacker:
    """A browser with a thread and event loop of its own, so measurements exclude the attacker's
    work."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.browser: Browser

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def offer(self) -> str:
        async def make() -> str:
            self.browser = Browser()
            return await self.browser.offer()

        return await self.run(make())

    async def take(self, sdp: str) -> None:
        answer = RTCSessionDescription(sdp=sdp, type="answer")
        await self.run(self.browser.connection.setRemoteDescription(answer))

    async def close(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self.run(self.browser.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    @property
    def sctp(self) -> RTCSctpTransport:
        sctp = self.browser.connection.sctp
        assert sctp is not None
        return sctp

    def leave_gap(self) -> None:
        self.sctp._local_tsn = tsn_plus_one(self.sctp._local_tsn)

    def data(self, stream_id: int, message: bytes, *, flags: int = WHOLE, seq: int = 0) -> Chunk:
        chunk = DataChunk(flags=flags)
        chunk.tsn = self.sctp._local_tsn
        chunk.stream_id = stream_id
        chunk.stream_seq = seq
        chunk.protocol = WEBRTC_BINARY
        chunk.user_data = message
        self.sctp._local_tsn = tsn_plus_one(chunk.tsn)
        return chunk

    async def send(self, chunks: Iterable[Chunk]) -> None:
        """Sends one SCTP packet with all chunks."""
        await self.send_raw(b"".join(bytes(chunk) for chunk in chunks))

    async def send_raw(self, body: bytes) -> None:
        """Sends one SCTP packet with chunks given as bytes."""
        with contextlib.suppress(ConnectionError):
            await self.sctp.transport._send_data(self.packet(body))

    def packet(self, body: bytes) -> bytes:
        sctp = self.sctp
        assert sctp._remote_port is not None
        raw = _Raw(body)
        return serialize_packet(
            sctp._local_port, sctp._remote_port, sctp._remote_verification_tag, raw
        )

    async def send_feedback(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await self.browser.receiver.transport._send_rtp(data)


class _Raw(Chunk):
    def __bytes__(self) -> bytes:
        return self.body

    def __init__(self, body: bytes) -> None:
        super().__init__(0, body)


def chunk(kind: int, body: bytes) -> bytes:
    """Returns one padded SCTP chunk of any kind."""
    return pack("!BBH", kind, 0, 4 + len(body)) + body + bytes(-len(body) % 4)


@contextlib.asynccontextmanager
async def attacked(host: PeerHost) -> AsyncIterator[tuple[Attacker, Peer]]:
    """Yields an attacker and our peer, connected and sending video."""
    rtc_hooks.gather_only(["127.0.0.1"])
    attacker = Attacker()
    offer = read_offer((await attacker.offer()).encode(), RULE)
    peer = Peer("p1", offer, host, RTCConfiguration(iceServers=[]))
    filming = asyncio.create_task(_film(peer))
    try:
        await attacker.take(await peer.answer())
        await until(lambda: peer.send({"type": "hello"}))
        yield attacker, peer
    finally:
        filming.cancel()
        await peer.close()
        await attacker.close()


async def until(condition: Callable[[], bool], *, timeout_s: float = 8.0) -> None:
    """Polls a condition on the running loop. Raises TimeoutError."""
    for _ in range(round(timeout_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


async def _film(peer: Peer) -> None:
    payload = b"\0\0\0\1\x0c" + os.urandom(12_000)
    while True:
        if peer.is_connected:
            peer.track.put(encoded(payload))
        await asyncio.sleep(0.04)
