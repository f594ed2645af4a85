"""The frame server over real sockets, with arbitrary bytes as frames."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from services.generation.video import frame_server
from services.generation.video import link as link_module
from services.generation.video.encoder_requests import EncoderRequests
from services.generation.video.frame_server import FrameServer
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame, Hello, Kind, pack
from services.wire.link_socket import notice_dead_peer
from tests.services.generation.generation_kit import LinkClient, until

KEY = "the key of this lease"


def make_frame(idx: int, *, is_key: bool = False, epoch: int = 1, size: int = 100) -> EncodedFrame:
    return EncodedFrame(
        epoch=epoch,
        frame_idx=idx,
        action_seq=0,
        is_key=is_key,
        is_speculative=False,
        steps=2,
        level=0,
        queue_ms=0,
        denoise_ms=0,
        decode_ms=0,
        encode_ms=0,
        fps=17.5,
        sent_at_ms=0,
        payload=bytes(size),
    )


@dataclass(slots=True)
class ServerBench:
    """A server with one session, "a", epoch 1."""

    server: FrameServer
    port: int
    requests: EncoderRequests
    resets: list[str]
    links: list[LinkClient] = field(default_factory=list)

    async def connect(self) -> LinkClient:
        link = LinkClient(*await asyncio.open_connection("127.0.0.1", self.port))
        self.links.append(link)
        return link

    async def link(
        self,
        *,
        session_id: str = "a",
        epoch: int = 1,
        key: str = KEY,
        codec: VideoCodec = VideoCodec.H264,
    ) -> LinkClient:
        link = await self.connect()
        hello = Hello(session_id=session_id, epoch=epoch, link_key=key, codec=codec)
        link.send(Kind.HELLO, hello.to_body())
        return link

    async def linked(self) -> LinkClient:
        """Returns a link registered by the server."""
        before = self.requests.num_links
        link = await self.link()
        await until(lambda: self.requests.num_links == before + 1)
        return link


@asynccontextmanager
async def open_bench() -> AsyncIterator[ServerBench]:
    server = FrameServer()
    port = await server.start("127.0.0.1", 0)
    requests, resets = EncoderRequests(), list[str]()
    server.open("a", epoch=1, link_key=KEY, requests=requests, on_reset=lambda: resets.append("a"))
    bench = ServerBench(server, port, requests, resets)
    yield bench
    await server.stop()
    for link in bench.links:
        await link.close()


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[ServerBench]:
    async with open_bench() as bench:
        yield bench


@pytest.mark.asyncio
async def test_a_newcomer_gets_frames_from_the_next_keyframe_on(bench: ServerBench) -> None:
    link = await bench.linked()
    assert bench.requests.wants_keyframe
    for idx, is_key in ((1, False), (2, True), (3, False)):
        bench.server.publish("a", make_frame(idx, is_key=is_key))
    assert [(await link.receive_frame()).frame_idx for _ in range(2)] == [2, 3]


@pytest.mark.asyncio
async def test_frames_that_come_at_once_on_a_busy_loop_leave_no_link_without_a_keyframe(
    bench: ServerBench,
) -> None:
    """The third frame replaces the first two before the link has sent anything; without a keyframe
    the link would stay silent for seconds."""
    link = await bench.linked()
    await asyncio.sleep(0.05)  # it waits for the first frame
    bench.requests.note_keyframe()
    for idx in range(1, 5):
        bench.server.publish("a", make_frame(idx, is_key=idx == 1))
    await until(lambda: bench.requests.wants_keyframe)
    bench.server.publish("a", make_frame(5, is_key=True))
    assert (await link.receive_frame()).frame_idx == 5


@pytest.mark.asyncio
async def test_every_peer_of_a_session_gets_the_same_frame(bench: ServerBench) -> None:
    links = [await bench.linked(), await bench.linked()]
    bench.server.publish("a", make_frame(1, is_key=True))
    frames = [await link.receive_frame() for link in links]
    assert frames[0] == frames[1]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wrong", [{"key": "guessed"}, {"key": ""}, {"session_id": "b"}, {"epoch": 2}, {"key": "\ud800"}]
)
async def test_a_wrong_hello_gets_nothing(bench: ServerBench, wrong: dict[str, Any]) -> None:
    link = await bench.link(**wrong)
    assert await link.is_closed()
    assert bench.requests.num_links == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "said",
    [
        pack(Kind.KEYFRAME),
        pack(Kind.HELLO, b"{}"),
        pack(Kind.HELLO, b"[" * 500),
        pack(Kind.HELLO, b"\xff\xfe"),
        pack(Kind.HELLO, json.dumps({"session_id": "a", "epoch": 1}).encode()),
        struct.pack("<IB", 1 << 19, Kind.HELLO),  # promises more than an link ever says
        struct.pack("<IB", 1 << 31, Kind.HELLO),
        struct.pack("<IB", 0, Kind.HELLO),
        struct.pack("<IB", 5, 99),
    ],
)
async def test_garbage_instead_of_a_hello_is_disconnected(bench: ServerBench, said: bytes) -> None:
    link = await bench.connect()
    link.writer.write(said)
    assert await link.is_closed()


@pytest.mark.asyncio
async def test_a_silent_peer_is_disconnected(
    bench: ServerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_server, "HELLO_TIMEOUT_S", 0.01)
    assert await (await bench.connect()).is_closed()


@pytest.mark.asyncio
async def test_peers_ask_for_keyframes_and_report_bit_rates(bench: ServerBench) -> None:
    link = await bench.linked()
    bench.requests.note_keyframe()
    link.send(Kind.KEYFRAME)
    link.send(Kind.BITRATE, struct.pack("<I", 640_000))
    reports: list[int] = []

    def has_reported() -> bool:
        reports.extend(filter(None, [bench.requests.take_bit_rate()]))
        return reports == [640_000]

    await until(has_reported)
    assert bench.requests.wants_keyframe


@pytest.mark.asyncio
async def test_an_peer_asks_for_a_reset(bench: ServerBench) -> None:
    link = await bench.linked()
    link.send(Kind.RESET)
    await until(lambda: bench.resets == ["a"])


@pytest.mark.asyncio
async def test_an_peer_that_talks_nonsense_loses_only_its_own_link(bench: ServerBench) -> None:
    good, bad = await bench.linked(), await bench.linked()
    bad.send(Kind.BITRATE, b"too long for a bit rate")
    assert await bad.is_closed()
    bench.server.publish("a", make_frame(1, is_key=True))
    assert (await good.receive_frame()).frame_idx == 1


@pytest.mark.asyncio
async def test_a_slow_peer_loses_frames_and_holds_up_nobody(bench: ServerBench) -> None:
    fast, slow = await bench.linked(), await bench.linked()
    slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
    bench.server.publish("a", make_frame(0, is_key=True))
    bench.requests.note_keyframe()
    assert (await fast.receive_frame()).frame_idx == 0
    for idx in range(1, 80):  # the slow one's buffers fill up; the fast one drinks along
        bench.server.publish("a", make_frame(idx, size=100_000))
        assert (await fast.receive_frame()).frame_idx == idx
    bench.requests.note_keyframe()  # one that was asked for while its buffers filled up
    slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
    seen = [await slow.receive_frame()]
    await until(lambda: bench.requests.wants_keyframe)
    bench.server.publish("a", make_frame(81))
    bench.server.publish("a", make_frame(82, is_key=True))
    while not (seen[-1].is_key and seen[-1].frame_idx > 0):
        seen.append(await slow.receive_frame())
    received = [frame.frame_idx for frame in seen]
    assert received[:-1] == list(range(len(received) - 1))  # an unbroken chain, then the keyframe
    assert received[-1] == 82


@pytest.mark.asyncio
async def test_a_link_that_takes_nothing_is_closed_and_costs_no_keyframes(
    bench: ServerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cases/security.md M3: the link ordered three keyframes a second for all players."""
    monkeypatch.setattr(link_module, "STALL_S", 0.5)
    reads, stopped = await bench.linked(), await bench.linked()
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined]
    bench.server.publish("a", make_frame(0, is_key=True))
    bench.requests.note_keyframe()
    num_keyframes = idx = 0
    began = time.monotonic()
    while bench.requests.num_links == 2:
        assert (await reads.receive_frame()).frame_idx == idx
        idx += 1
        is_asked = bench.requests.wants_keyframe
        num_keyframes += is_asked
        bench.requests.note_keyframe()
        bench.server.publish("a", make_frame(idx, is_key=is_asked, size=100_000))
        await asyncio.sleep(0.01)
    assert time.monotonic() - began < 4  # and not by TCP_USER_TIMEOUT, after 5 s
    assert num_keyframes <= 2  # while its buffers filled up, not all the time


@pytest.mark.asyncio
async def test_a_link_that_takes_little_is_kept(
    bench: ServerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "STALL_S", 0.3)
    link = await bench.linked()
    reader = link.writer.transport
    reader.pause_reading()  # type: ignore[attr-defined]
    bench.server.publish("a", make_frame(0, is_key=True, size=900_000))
    for _ in range(8):  # longer than the patience, in all
        await asyncio.sleep(0.1)
        reader.resume_reading()  # type: ignore[attr-defined]
        await link.reader.readexactly(60_000)
        reader.pause_reading()  # type: ignore[attr-defined]
    assert bench.requests.num_links == 1


@pytest.mark.asyncio
async def test_a_machine_that_vanished_is_noticed_within_seconds(
    bench: ServerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[socket.socket] = []
    monkeypatch.setattr(link_module, "notice_dead_peer", watched.append)
    await bench.linked()
    [connection] = watched
    notice_dead_peer(connection)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.asyncio
async def test_frames_of_an_older_lease_go_nowhere(bench: ServerBench) -> None:
    link = await bench.linked()
    bench.server.publish("a", make_frame(1, is_key=True, epoch=0))
    bench.server.publish("b", make_frame(2, is_key=True))
    bench.server.publish("a", make_frame(3, is_key=True))
    assert (await link.receive_frame()).frame_idx == 3


@pytest.mark.asyncio
async def test_the_last_words_arrive_before_the_end(bench: ServerBench) -> None:
    link = await bench.linked()
    bench.server.send_state("a", {"state": "paused", "reason": "so"})
    bench.server.close("a")
    kind, body = await link.receive()
    assert kind is Kind.STATE
    assert json.loads(body) == {"state": "paused", "reason": "so"}
    assert await link.is_closed()
    await until(lambda: bench.requests.num_links == 0)


@pytest.mark.asyncio
async def test_an_peer_that_leaves_is_forgotten(bench: ServerBench) -> None:
    link = await bench.linked()
    link.writer.close()
    await until(lambda: bench.requests.num_links == 0)


@pytest.mark.asyncio
async def test_links_are_bounded(bench: ServerBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_server, "MAX_LINKS_PER_SESSION", 2)
    await bench.linked()
    await bench.linked()
    assert await (await bench.link()).is_closed()
    monkeypatch.setattr(frame_server, "MAX_LINKS", 2)
    assert await (await bench.connect()).is_closed()
    assert bench.requests.num_links == 2


@pytest.mark.asyncio
async def test_the_newest_hello_names_the_codec() -> None:
    async with open_bench() as bench:
        await bench.link(codec=VideoCodec.VP8)
        await until(lambda: bench.requests.num_links == 1)
        assert bench.requests.codec.value == "vp8"
        await bench.linked()
        assert bench.requests.codec.value == "h264"


@pytest.mark.asyncio
async def test_an_peer_that_names_no_codec_gets_h264_and_an_unknown_one_is_refused() -> None:
    async with open_bench() as bench:
        known = {"session_id": "a", "epoch": 1, "link_key": KEY}
        bench.requests.codec = VideoCodec.VP8
        (await bench.connect()).send(Kind.HELLO, json.dumps(known).encode())
        await until(lambda: bench.requests.num_links == 1)
        assert bench.requests.codec is VideoCodec.H264
        refused = await bench.connect()
        refused.send(Kind.HELLO, json.dumps(known | {"codec": "av1"}).encode())
        assert await refused.reader.read() == b""
