"""The frame server as edges meet it: real sockets, frames that are only bytes."""

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

from services.generation.video import frame_server, link
from services.generation.video.encoder_requests import EncoderRequests
from services.generation.video.frame_server import FrameServer
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame, Hello, Kind, pack
from services.wire.link_socket import notice_dead_peer
from tests.services.generation.generation_kit import Edge, until

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
class House:
    """A server with one session, "a", epoch 1."""

    server: FrameServer
    port: int
    requests: EncoderRequests
    resets: list[str]
    edges: list[Edge] = field(default_factory=list)

    async def knock(self) -> Edge:
        edge = Edge(*await asyncio.open_connection("127.0.0.1", self.port))
        self.edges.append(edge)
        return edge

    async def link(
        self,
        *,
        session_id: str = "a",
        epoch: int = 1,
        key: str = KEY,
        codec: VideoCodec = VideoCodec.H264,
    ) -> Edge:
        edge = await self.knock()
        hello = Hello(session_id=session_id, epoch=epoch, link_key=key, codec=codec)
        edge.send(Kind.HELLO, hello.to_body())
        return edge

    async def linked(self) -> Edge:
        """A link that the server knows of."""
        before = self.requests.num_links
        edge = await self.link()
        await until(lambda: self.requests.num_links == before + 1)
        return edge


@asynccontextmanager
async def open_house() -> AsyncIterator[House]:
    server = FrameServer()
    port = await server.start("127.0.0.1", 0)
    requests, resets = EncoderRequests(), list[str]()
    server.open("a", epoch=1, link_key=KEY, requests=requests, on_reset=lambda: resets.append("a"))
    house = House(server, port, requests, resets)
    yield house
    await server.stop()
    for edge in house.edges:
        await edge.close()


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as house:
        yield house


@pytest.mark.asyncio
async def test_a_newcomer_gets_frames_from_the_next_keyframe_on(house: House) -> None:
    edge = await house.linked()
    assert house.requests.wants_keyframe
    for idx, is_key in ((1, False), (2, True), (3, False)):
        house.server.publish("a", make_frame(idx, is_key=is_key))
    assert [(await edge.receive_frame()).frame_idx for _ in range(2)] == [2, 3]


@pytest.mark.asyncio
async def test_frames_that_come_at_once_on_a_busy_loop_leave_no_link_without_a_keyframe(
    house: House,
) -> None:
    """The third drops those before it, and the link has sent nothing yet: seconds of nothing."""
    edge = await house.linked()
    await asyncio.sleep(0.05)  # it waits for the first frame
    house.requests.note_keyframe()
    for idx in range(1, 5):
        house.server.publish("a", make_frame(idx, is_key=idx == 1))
    await until(lambda: house.requests.wants_keyframe)
    house.server.publish("a", make_frame(5, is_key=True))
    assert (await edge.receive_frame()).frame_idx == 5


@pytest.mark.asyncio
async def test_every_edge_of_a_session_gets_the_same_frame(house: House) -> None:
    edges = [await house.linked(), await house.linked()]
    house.server.publish("a", make_frame(1, is_key=True))
    frames = [await edge.receive_frame() for edge in edges]
    assert frames[0] == frames[1]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wrong", [{"key": "guessed"}, {"key": ""}, {"session_id": "b"}, {"epoch": 2}, {"key": "\ud800"}]
)
async def test_a_wrong_hello_gets_nothing(house: House, wrong: dict[str, Any]) -> None:
    edge = await house.link(**wrong)
    assert await edge.is_closed()
    assert house.requests.num_links == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "said",
    [
        pack(Kind.KEYFRAME),
        pack(Kind.HELLO, b"{}"),
        pack(Kind.HELLO, b"[" * 500),
        pack(Kind.HELLO, b"\xff\xfe"),
        pack(Kind.HELLO, json.dumps({"session_id": "a", "epoch": 1}).encode()),
        struct.pack("<IB", 1 << 19, Kind.HELLO),  # promises more than an edge ever says
        struct.pack("<IB", 1 << 31, Kind.HELLO),
        struct.pack("<IB", 0, Kind.HELLO),
        struct.pack("<IB", 5, 99),
    ],
)
async def test_garbage_instead_of_a_hello_is_hung_up_on(house: House, said: bytes) -> None:
    edge = await house.knock()
    edge.writer.write(said)
    assert await edge.is_closed()


@pytest.mark.asyncio
async def test_who_says_nothing_is_hung_up_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_server, "HELLO_TIMEOUT_S", 0.01)
    assert await (await house.knock()).is_closed()


@pytest.mark.asyncio
async def test_edges_ask_for_keyframes_and_report_bit_rates(house: House) -> None:
    edge = await house.linked()
    house.requests.note_keyframe()
    edge.send(Kind.KEYFRAME)
    edge.send(Kind.BITRATE, struct.pack("<I", 640_000))
    reports: list[int] = []

    def has_reported() -> bool:
        reports.extend(filter(None, [house.requests.take_bit_rate()]))
        return reports == [640_000]

    await until(has_reported)
    assert house.requests.wants_keyframe


@pytest.mark.asyncio
async def test_an_edge_asks_for_a_reset(house: House) -> None:
    edge = await house.linked()
    edge.send(Kind.RESET)
    await until(lambda: house.resets == ["a"])


@pytest.mark.asyncio
async def test_an_edge_that_talks_nonsense_loses_only_its_own_link(house: House) -> None:
    good, bad = await house.linked(), await house.linked()
    bad.send(Kind.BITRATE, b"too long for a bit rate")
    assert await bad.is_closed()
    house.server.publish("a", make_frame(1, is_key=True))
    assert (await good.receive_frame()).frame_idx == 1


@pytest.mark.asyncio
async def test_a_slow_edge_loses_frames_and_holds_up_nobody(house: House) -> None:
    fast, slow = await house.linked(), await house.linked()
    slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
    house.server.publish("a", make_frame(0, is_key=True))
    house.requests.note_keyframe()
    assert (await fast.receive_frame()).frame_idx == 0
    for idx in range(1, 80):  # the slow one's buffers fill up; the fast one drinks along
        house.server.publish("a", make_frame(idx, size=100_000))
        assert (await fast.receive_frame()).frame_idx == idx
    house.requests.note_keyframe()  # one that was asked for while its buffers filled up
    slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
    seen = [await slow.receive_frame()]
    await until(lambda: house.requests.wants_keyframe)
    house.server.publish("a", make_frame(81))
    house.server.publish("a", make_frame(82, is_key=True))
    while not (seen[-1].is_key and seen[-1].frame_idx > 0):
        seen.append(await slow.receive_frame())
    received = [frame.frame_idx for frame in seen]
    assert received[:-1] == list(range(len(received) - 1))  # an unbroken chain, then the keyframe
    assert received[-1] == 82


@pytest.mark.asyncio
async def test_a_link_that_takes_nothing_is_closed_and_costs_no_keyframes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cases/security.md M3: it ordered three keyframes a second for everybody."""
    monkeypatch.setattr(link, "STALL_S", 0.5)
    reads, stopped = await house.linked(), await house.linked()
    stopped.writer.transport.pause_reading()  # type: ignore[attr-defined]
    house.server.publish("a", make_frame(0, is_key=True))
    house.requests.note_keyframe()
    num_keyframes = idx = 0
    began = time.monotonic()
    while house.requests.num_links == 2:
        assert (await reads.receive_frame()).frame_idx == idx
        idx += 1
        is_asked = house.requests.wants_keyframe
        num_keyframes += is_asked
        house.requests.note_keyframe()
        house.server.publish("a", make_frame(idx, is_key=is_asked, size=100_000))
        await asyncio.sleep(0.01)
    assert time.monotonic() - began < 4  # and not by TCP_USER_TIMEOUT, after 5 s
    assert num_keyframes <= 2  # while its buffers filled up, not all the time


@pytest.mark.asyncio
async def test_a_link_that_takes_little_is_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "STALL_S", 0.3)
    edge = await house.linked()
    reader = edge.writer.transport
    reader.pause_reading()  # type: ignore[attr-defined]
    house.server.publish("a", make_frame(0, is_key=True, size=900_000))
    for _ in range(8):  # longer than the patience, in all
        await asyncio.sleep(0.1)
        reader.resume_reading()  # type: ignore[attr-defined]
        await edge.reader.readexactly(60_000)
        reader.pause_reading()  # type: ignore[attr-defined]
    assert house.requests.num_links == 1


@pytest.mark.asyncio
async def test_a_machine_that_vanished_is_noticed_within_seconds(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[socket.socket] = []
    monkeypatch.setattr(link, "notice_dead_peer", watched.append)
    await house.linked()
    [connection] = watched
    notice_dead_peer(connection)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.asyncio
async def test_frames_of_an_older_lease_go_nowhere(house: House) -> None:
    edge = await house.linked()
    house.server.publish("a", make_frame(1, is_key=True, epoch=0))
    house.server.publish("b", make_frame(2, is_key=True))
    house.server.publish("a", make_frame(3, is_key=True))
    assert (await edge.receive_frame()).frame_idx == 3


@pytest.mark.asyncio
async def test_the_last_words_arrive_before_the_end(house: House) -> None:
    edge = await house.linked()
    house.server.send_state("a", {"state": "paused", "reason": "so"})
    house.server.close("a")
    kind, body = await edge.receive()
    assert kind is Kind.STATE
    assert json.loads(body) == {"state": "paused", "reason": "so"}
    assert await edge.is_closed()
    await until(lambda: house.requests.num_links == 0)


@pytest.mark.asyncio
async def test_an_edge_that_leaves_is_forgotten(house: House) -> None:
    edge = await house.linked()
    edge.writer.close()
    await until(lambda: house.requests.num_links == 0)


@pytest.mark.asyncio
async def test_links_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_server, "MAX_LINKS_PER_SESSION", 2)
    await house.linked()
    await house.linked()
    assert await (await house.link()).is_closed()
    monkeypatch.setattr(frame_server, "MAX_LINKS", 2)
    assert await (await house.knock()).is_closed()
    assert house.requests.num_links == 2


@pytest.mark.asyncio
async def test_the_newest_hello_names_the_codec() -> None:
    async with open_house() as house:
        await house.link(codec=VideoCodec.VP8)
        await until(lambda: house.requests.num_links == 1)
        assert house.requests.codec.value == "vp8"
        await house.linked()
        assert house.requests.codec.value == "h264"


@pytest.mark.asyncio
async def test_an_edge_that_names_no_codec_gets_h264_and_an_unknown_one_is_refused() -> None:
    async with open_house() as house:
        known = {"session_id": "a", "epoch": 1, "link_key": KEY}
        house.requests.codec = VideoCodec.VP8
        (await house.knock()).send(Kind.HELLO, json.dumps(known).encode())
        await until(lambda: house.requests.num_links == 1)
        assert house.requests.codec is VideoCodec.H264
        refused = await house.knock()
        refused.send(Kind.HELLO, json.dumps(known | {"codec": "av1"}).encode())
        assert await refused.reader.read() == b""
