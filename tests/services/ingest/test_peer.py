"""A peer's end of one connection: when it must go, and what it lets itself be told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCConfiguration, RTCSessionDescription
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG

from services.ingest.action_gate import Verdict
from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.offer import CandidateRule, read_offer
from services.ingest.webrtc.peer import Fault, Peer
from services.ingest.webrtc.rtc_hooks.sctp import MAX_UNREAD_BYTES
from services.telemetry import Problem
from tests.services.ingest.edge_kit import Browser, browser

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
        self.num_resets = 0

    def take_action(self, message: bytes) -> Verdict:
        self.actions.append(message)
        return Verdict.TAKEN

    def request_keyframe(self) -> None: ...

    def request_reset(self) -> None:
        self.num_resets += 1

    def report_bitrate(self, bits_per_s: int) -> None: ...


async def offered(one: Browser, clock: Clock, host: Host | None = None) -> Peer:
    rtc_hooks.gather_only(["127.0.0.1"])
    offer = read_offer((await one.offer()).encode(), RULE)
    return Peer("p1", offer, host or Host(), RTC, clock=clock)


@asynccontextmanager
async def connected(one: Browser, clock: Clock, host: Host | None = None) -> AsyncIterator[Peer]:
    peer = await offered(one, clock, host)
    try:
        answer = RTCSessionDescription(sdp=await peer.answer(), type="answer")
        await one.connection.setRemoteDescription(answer)
        await one.until(lambda: peer.say({"type": "hello"}) and bool(one.heard), tick_s=0.02)
        yield peer
    finally:
        await peer.close()


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
        for number in range(MAX_UNREAD_BYTES // 1000 + 50):
            await one.force("control", bytes(1000), flags=0 if number else SCTP_DATA_FIRST_FRAG)
            await asyncio.sleep(0)  # or the socket's buffer overflows
        await one.until(lambda: peer.fault() is Fault.FLOOD, tick_s=0.02)


async def test_only_control_can_reset() -> None:
    clock, host = Clock(), Host()
    async with browser() as one, connected(one, clock, host) as peer:
        for label in ("notes", "input"):
            one.channels[label].send('{"type":"reset"}')
        one.channels["control"].send('{"type":"heartbeat"}')
        await one.until(lambda: peer.channels.heard_s == clock.now_s, tick_s=0.02)
        assert host.num_resets == 0
        one.channels["control"].send('{"type":"reset"}')
        await one.until(lambda: host.num_resets == 1, tick_s=0.02)


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
        peer = Peer("p1", read_offer(sdp.encode(), RULE), Host(), RTC)
        with pytest.raises(Problem) as refused:
            await peer.answer()
        assert refused.value.status == 400
        await peer.close()
