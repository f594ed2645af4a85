"""A peer's end of one connection: when it must go, and what it lets itself be told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCConfiguration, RTCSessionDescription
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    WEBRTC_STRING,
    DataChunk,
    tsn_plus_one,
)

from services.ingest import rtc_hooks
from services.ingest.action_gate import Verdict
from services.ingest.offer import CandidateRule, read_offer
from services.ingest.peer import MAX_UNREAD_BYTES, Fault, Peer
from services.telemetry import Problem
from tests.services.edge_kit import Browser, browser

pytestmark = pytest.mark.asyncio

RULE = CandidateRule(private=True, loopback=True)
RTC = RTCConfiguration(iceServers=[])


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Host:
    """A session that lets every action in."""

    def __init__(self) -> None:
        self.actions: list[bytes] = []

    def take_action(self, message: bytes) -> Verdict:
        self.actions.append(message)
        return Verdict.TAKEN

    def request_keyframe(self) -> None: ...

    def report_bitrate(self, bits_per_s: int) -> None: ...


async def offered(one: Browser, clock: Clock) -> Peer:
    rtc_hooks.gather_only("127.0.0.1")
    offer = read_offer((await one.offer()).encode(), RULE)
    return Peer(offer, Host(), RTC, clock=clock)


@asynccontextmanager
async def connected(one: Browser, clock: Clock) -> AsyncIterator[Peer]:
    peer = await offered(one, clock)
    try:
        answer = RTCSessionDescription(sdp=await peer.answer(), type="answer")
        await one.connection.setRemoteDescription(answer)
        await one.until(lambda: peer.say({"type": "hello"}) and bool(one.heard), tick_s=0.02)
        yield peer
    finally:
        await peer.close()


def never_ending_message(one: Browser, *, num_bytes: int) -> Iterator[Awaitable[None]]:
    """As a hostile browser sends it: fragments of one message, without regard for the window."""
    sctp = one.connection.sctp
    assert sctp is not None
    for number in range(num_bytes // 1000):
        chunk = DataChunk(flags=0 if number else SCTP_DATA_FIRST_FRAG)
        chunk.tsn = sctp._local_tsn
        chunk.stream_id = one.channels["control"].id or 0
        chunk.protocol = WEBRTC_STRING
        chunk.user_data = bytes(1000)
        sctp._local_tsn = tsn_plus_one(chunk.tsn)
        yield sctp._send_chunk(chunk)


async def test_who_does_not_connect_in_time_must_go() -> None:
    clock = Clock()
    async with browser() as one:
        peer = await offered(one, clock)
        clock.now_s += 9
        assert peer.fault() is None
        clock.now_s += 2
        assert peer.fault() is Fault.NEVER_CONNECTED
        await peer.close()


async def test_a_player_that_falls_silent_must_go() -> None:
    clock = Clock()
    async with browser() as one, connected(one, clock) as peer:
        clock.now_s += 5
        assert peer.fault() is None
        one.channels["control"].send('{"type":"heartbeat"}')
        await one.until(lambda: peer.channels.heard_s == clock.now_s, tick_s=0.02)
        clock.now_s += 5
        assert peer.fault() is None
        clock.now_s += 2
        assert peer.fault() is Fault.SILENT


async def test_a_connection_that_was_closed_must_go() -> None:
    clock = Clock()
    async with browser() as one, connected(one, clock) as peer:
        await one.connection.close()
        await one.until(lambda: peer.fault() is Fault.GONE, tick_s=0.02)


async def test_who_makes_us_hold_unfinished_messages_must_go() -> None:
    clock = Clock()
    async with browser() as one, connected(one, clock) as peer:
        for packet in never_ending_message(one, num_bytes=MAX_UNREAD_BYTES + 50_000):
            await packet
            await asyncio.sleep(0)  # or the socket's buffer overflows
        await one.until(lambda: peer.fault() is Fault.FLOOD, tick_s=0.02)


async def test_a_status_is_told_once() -> None:
    clock = Clock()
    async with browser() as one, connected(one, clock) as peer:
        for place in (2, 2, 1):
            peer.show({"type": "status", "status": "queued", "position": place})
        await one.until(lambda: one.heard[-1].get("position") == 1)
        assert [m["position"] for m in one.heard if m["type"] == "status"] == [2, 1]


async def test_a_watcher_has_no_channels_and_owes_no_heartbeat() -> None:
    clock = Clock()
    async with browser(plays=False) as one:
        peer = await offered(one, clock)
        assert not peer.is_player
        assert not peer.say({"type": "heartbeat"})
        await peer.close()


async def test_a_viewer_that_also_offers_audio_is_answered_without_it() -> None:
    clock = Clock()
    async with browser(plays=False) as one:
        one.connection.addTransceiver("audio", direction="sendrecv")
        peer = await offered(one, clock)
        audio = (await peer.answer()).split("m=audio")[1]
        assert "a=inactive" in audio
        await peer.close()


async def test_an_offer_that_aiortc_chokes_on_is_the_offers_fault() -> None:
    async with browser() as one:
        sdp = (await one.offer()).replace("a=rtcp-mux\r\n", "")
        peer = Peer(read_offer(sdp.encode(), RULE), Host(), RTC)
        with pytest.raises(Problem) as refused:
            await peer.answer()
        assert refused.value.status == 400
        await peer.close()
