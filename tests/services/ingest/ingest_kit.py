"""A fake replica and a browser for tests of ingest; both speak the real protocols on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self

import av
import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    WEBRTC_BINARY,
    DataChunk,
    tsn_plus_one,
)
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket, pack_remb_fci
from redis.asyncio import Redis

from services.backplane.connection import connect
from services.backplane.player_lock import PlayerLock
from services.backplane.sessions import SessionStore
from services.http_server.server import PublicServer, make_server
from services.ingest.__main__ import WEB_SOCKET
from services.ingest.http.app import create_app
from services.ingest.settings import IngestSettings
from services.tokens import Tokens
from services.wire import keys
from services.wire.codec import VideoCodec
from services.wire.frame import (
    PREFIX_BYTES,
    EncodedFrame,
    Hello,
    Kind,
    pack,
    pack_json,
    read_prefix,
)
from services.wire.session import SessionRecord, SessionStatus

WIDTH, HEIGHT, FPS = 128, 96, 25
WHOLE = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG | SCTP_DATA_UNORDERED


class GreyVideo:
    """A video stream with frames of one grey level, so a decoded frame identifies the stream."""

    def __init__(self, level: int, codec: VideoCodec = VideoCodec.H264) -> None:
        self._level = level
        self.codec = codec
        is_h264 = codec is VideoCodec.H264
        self._codec = av.CodecContext.create("libx264" if is_h264 else "libvpx", "w")
        self._codec.width, self._codec.height = WIDTH, HEIGHT
        self._codec.pix_fmt = "yuv420p"
        self._codec.time_base = Fraction(1, FPS)
        self._codec.bit_rate = 300_000
        self._codec.gop_size = 10_000
        if is_h264:
            self._codec.options = {"preset": "ultrafast", "tune": "zerolatency"}
            self._codec.profile = "Baseline"
        else:
            self._codec.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        self._pts = 0

    def encode(self, *, key: bool) -> bytes:
        pixels = np.full((HEIGHT, WIDTH, 3), self._level, np.uint8)
        pixels[:, self._pts % WIDTH] = 255 - self._level  # something moves
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
        frame.pts = self._pts
        frame.pict_type = av.video.frame.PictureType.I if key else av.video.frame.PictureType.NONE
        self._pts += 1
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


def encoded(payload: bytes = b"\0\0\1\x65", **changes: Any) -> EncodedFrame:
    values: dict[str, Any] = {
        "epoch": 1,
        "frame_idx": 0,
        "action_seq": 0,
        "is_key": True,
        "is_speculative": False,
        "steps": 2,
        "level": 0,
        "queue_ms": 1.5,
        "denoise_ms": 20.25,
        "decode_ms": 4.0,
        "encode_ms": 2.0,
        "fps": float(FPS),
        "sent_at_ms": time.time() * 1000,
        "payload": payload,
    }
    return EncodedFrame(**values | changes)


@dataclass
class FakeReplica:
    """A frame server on a free port; sends frames of one grey level to every link."""

    replica_id: str = "replica"
    grey: int = 60
    epoch: int = 1
    hellos: list[Hello] = field(default_factory=list)
    received: list[Kind] = field(default_factory=list)
    bitrates: list[int] = field(default_factory=list)
    address: str = ""
    links: dict[asyncio.StreamWriter, bool] = field(default_factory=dict)  # value: wants a key
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._picture = GreyVideo(self.grey)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        self._sending = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        self._server.close()
        for writer in list(self.links):
            writer.close()
        await self._server.wait_closed()

    def send_state(self, state: dict[str, Any]) -> None:
        for writer in self.links:
            writer.write(pack_json(Kind.STATE, state))

    def write(self, message: bytes) -> None:
        for writer in self.links:
            writer.write(message)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError, ConnectionError):
            kind, size = read_prefix(await reader.readexactly(PREFIX_BYTES))
            assert kind is Kind.HELLO
            self.hellos.append(Hello.from_body(await reader.readexactly(size)))
            self._picture = GreyVideo(self.grey, self.hellos[-1].codec)
            self.links[writer] = True
            self.changed.set()
            while True:
                kind, size = read_prefix(await reader.readexactly(PREFIX_BYTES))
                body = await reader.readexactly(size)
                self.received.append(kind)
                if kind is Kind.KEYFRAME:
                    self.links[writer] = True
                elif kind is Kind.BITRATE:
                    self.bitrates.append(struct.unpack("<I", body)[0])
                self.changed.set()
        self.links.pop(writer, None)
        self.changed.set()
        writer.close()

    async def _send(self) -> None:
        frame_idx = 0
        while True:
            await asyncio.sleep(1 / FPS)
            key = any(self.links.values())
            payload = self._picture.encode(key=key)
            frame = encoded(
                payload,
                epoch=self.epoch,
                frame_idx=frame_idx,
                action_seq=frame_idx,
                is_key=key,
                codec=self._picture.codec,
            )
            for writer in self.links:
                writer.write(pack(Kind.FRAME, frame.to_body()))
                self.links[writer] = False
            frame_idx += 1


class Browser:
    """An aiortc client that behaves like the page."""

    def __init__(self, *, plays: bool = True, codec: str = "video/H264") -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.notes: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self.greys: list[int] = []
        self.rtp_timestamps: list[int] = []
        self.changed = asyncio.Event()
        self.channels: dict[str, RTCDataChannel] = {}
        self.location = ""
        self._tasks: list[asyncio.Task[None]] = []
        video = self.connection.addTransceiver("video", direction="recvonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([c for c in codecs if c.mimeType == codec])
        self.receiver = video.receiver
        self._receive_rtp = self.receiver._handle_rtp_packet
        self.receiver._handle_rtp_packet = self._handle_rtp  # type: ignore[method-assign]
        self.connection.on("track", self._watch)
        if plays:
            for label in ("input", "notes", "control"):
                is_loose = label != "control"
                self.channels[label] = self.connection.createDataChannel(
                    label, ordered=not is_loose, maxRetransmits=0 if is_loose else None
                )
            self.channels["notes"].on("message", self._note)
            self.channels["control"].on("message", self._receive)
            self.channels["control"].on("open", self._beat)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def take(self, response: httpx.Response) -> None:
        """Applies the answer of an accepted offer."""
        assert response.status_code == 201, response.text
        self.location = response.headers["location"]
        await self.connection.setRemoteDescription(
            RTCSessionDescription(sdp=response.text, type="answer")
        )

    def send(self, message: bytes) -> None:
        self.channels["input"].send(message)

    async def until(self, condition: Callable[[], bool], *, tick_s: float | None = None) -> None:
        """Waits for a condition of this browser; `tick_s`: polling interval for a condition without
        an event."""
        async with asyncio.timeout(8):
            while not condition():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), tick_s)

    async def force(self, label: str, data: bytes, *, flags: int = WHOLE) -> None:
        """Sends one DATA chunk without regard for any window, as a hostile browser does."""
        sctp = self.connection.sctp
        assert sctp is not None
        chunk = DataChunk(flags=flags)
        chunk.tsn = sctp._local_tsn
        chunk.stream_id = self.channels[label].id or 0
        chunk.protocol = WEBRTC_BINARY
        chunk.user_data = data
        sctp._local_tsn = tsn_plus_one(chunk.tsn)
        await sctp._send_chunk(chunk)

    async def lose_picture(self) -> None:
        await self.receiver._send_rtcp_pli(self._remote_ssrc())

    async def estimate_bitrate(self, bits_per_s: int) -> None:
        ssrc = self._remote_ssrc()
        fci = pack_remb_fci(bits_per_s, [ssrc])
        packet = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)
        await self.receiver._send_rtcp(packet)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.connection.close()

    def _remote_ssrc(self) -> int:
        [ssrc] = self.receiver._RTCRtpReceiver__remote_streams  # type: ignore[attr-defined]
        return int(ssrc)

    async def _handle_rtp(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self.rtp_timestamps.append(packet.timestamp)
        await self._receive_rtp(packet, arrival_time_ms)

    def _note(self, message: str) -> None:
        self.notes.append(json.loads(message))
        self.changed.set()

    def _receive(self, message: str) -> None:
        self.received.append(json.loads(message))
        self.changed.set()

    def _beat(self) -> None:
        self.channels["control"].send('{"type":"heartbeat"}')

    def _watch(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._decode(track)))

    async def _decode(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame)
            self.greys.append(round(float(frame.to_ndarray(format="gray").mean())))
            self.changed.set()


@contextlib.asynccontextmanager
async def browser(*, plays: bool = True, codec: str = "video/H264") -> AsyncIterator[Browser]:
    one = Browser(plays=plays, codec=codec)
    try:
        yield one
    finally:
        await one.close()


SECRET = "a secret of the tests, 32 characters long"


class RunningIngest:
    """The real application under a real server, with helpers for tests."""

    def __init__(self, url: str, http: httpx.AsyncClient, redis: Redis) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.http = http
        self.store = SessionStore(redis)
        self.player_lock = PlayerLock(redis)
        self.redis = redis
        self.tokens = Tokens(SECRET)
        self.why_not_ready: Callable[[], Awaitable[str]]  # set where it runs in this process

    async def queue(self, session_id: str) -> None:
        record = SessionRecord(
            session_id=session_id,
            status=SessionStatus.QUEUED,
            world="toy",
            start=0,
            seed=1,
            created_at_ms=0,
        )
        assert await self.store.create(record, max_queued=100) is not None

    async def acquire(self, session_id: str, replica: FakeReplica) -> None:
        """Makes the replica the live owner; frames carry the new epoch."""
        lease = await self.store.acquire(
            session_id,
            replica_id=replica.replica_id,
            frame_address=replica.address,
            link_key="key",
        )
        assert lease is not None
        replica.epoch = lease.epoch
        assert await self.store.set_status(session_id, SessionStatus.LIVE, lease)

    async def live(self, session_id: str, replica: FakeReplica) -> None:
        await self.queue(session_id)
        await self.acquire(session_id, replica)

    async def actions_of(self, replica_id: str) -> list[tuple[str, bytes]]:
        entries: Any = await self.redis.xrange(keys.actions(replica_id))
        return [(entry[b"s"].decode(), entry[b"a"]) for _, entry in entries]

    async def until_actions(self, replica_id: str, count: int) -> None:
        last: Any = "0"
        async with asyncio.timeout(5):
            while count > 0:
                found: Any = await self.redis.xread({keys.actions(replica_id): last}, block=500)
                for _, entries in found:
                    count, last = count - len(entries), entries[-1][0]

    async def post(self, session_id: str, sdp: str | bytes, **headers: str) -> httpx.Response:
        given = {
            "Authorization": f"Bearer {self.tokens.mint(session_id)}",
            "Content-Type": "application/sdp",
        }
        return await self.http.post(f"/whep/{session_id}", content=sdp, headers=given | headers)

    async def join(self, session_id: str, one: Browser) -> httpx.Response:
        response = await self.post(session_id, await one.offer())
        if response.status_code == 201:
            await one.take(response)
        return response


@contextlib.asynccontextmanager
async def running_ingest(redis_url: str, **settings: Any) -> AsyncIterator[RunningIngest]:
    config = IngestSettings(
        redis_url=redis_url,
        token_secret=SECRET,
        ice_address=("127.0.0.1",),
        port=0,
        **settings,
    )
    app = create_app(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = make_server(
            PublicServer(
                app=app,
                listener=listener,
                proxies=config.trusted_proxies,
                web_socket=WEB_SOCKET,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with httpx.AsyncClient(base_url=url) as http, connect(redis_url) as redis:
            try:
                ingest = RunningIngest(url, http, redis)
                ingest.why_not_ready = app.state.why_not_ready
                yield ingest
            finally:
                server.should_exit = True
                await serving
