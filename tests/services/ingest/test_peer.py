"""Our side of one connection: close reasons and accepted messages."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCConfiguration, RTCSessionDescription
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG
from aiortc.rtp import RtpPacket, is_rtcp

from services.ingest.action_gate import ActionVerdict
from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.offer import CandidateRule, read_offer
from services.ingest.webrtc.peer import CloseReason, Peer
from services.ingest.webrtc.rtc_hooks.sctp import MAX_UNREAD_BYTES
from services.telemetry import Problem
from tests.services.ingest.ingest_kit import Browser, browser, encoded

pytestmark = pytest.mark.asyncio

RULE = CandidateRule(private=True, loopback=True)
RTC = RTCConfiguration(iceServers=[])


class SetClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class OpenHost:
    """A session that accepts every action."""

    def __init__(self) -> None:
        self.actions: list[bytes] = []
        self.num_resets = 0

    def take_action(self, message: bytes) -> ActionVerdict:
        self.actions.append(message)
        return ActionVerdict.TAKEN

    def request_keyframe(self) -> None: ...

    def request_reset(self) -> None:
        self.num_resets += 1

    def report_bitrate(self, bits_per_s: int) -> None: ...


async def offered(one: Browser, clock: SetClock, host: OpenHost | None = None) -> Peer:
    rtc_hooks.gather_only(["127.0.0.1"])
    offer = read_offer((await one.offer()).encode(), RULE)
    return Peer("p1", offer, host or OpenHost(), RTC, clock=clock)


@asynccontextmanager
async def connected(
    one: Browser, clock: SetClock, host: OpenHost | None = None
) -> AsyncIterator[Peer]:
    peer = await offered(one, clock, host)
    try:
        answer = RTCSessionDescription(sdp=await peer.answer(), type="answer")
        await one.connection.setRemoteDescription(answer)
        await one.until(lambda: peer.send({"type": "hello"}) and bool(one.received), tick_s=0.02)
        yield peer
    finally:
        await peer.close()


async def test_who_does_not_connect_in_time_must_go() -> None:
    clock = SetClock()
    async with browser() as one:
        peer = await offered(one, clock)
        clock.now_s += 9
        assert peer.close_reason() is None
        clock.now_s += 2
        assert peer.close_reason() is CloseReason.NEVER_CONNECTED
        await peer.close()


async def test_a_player_that_falls_silent_must_go() -> None:
    clock = SetClock()
    async with browser() as one, connected(one, clock) as peer:
        clock.now_s += 5
        assert peer.close_reason() is None
        one.channels["control"].send('{"type":"heartbeat"}')
        await one.until(lambda: peer.channels.last_message_s == clock.now_s, tick_s=0.02)
        clock.now_s += 5
        assert peer.close_reason() is None
        clock.now_s += 2
        assert peer.close_reason() is CloseReason.SILENT


async def test_a_connection_that_was_closed_must_go() -> None:
    clock = SetClock()
    async with browser() as one, connected(one, clock) as peer:
        await one.connection.close()
        await one.until(lambda: peer.close_reason() is CloseReason.GONE, tick_s=0.02)


async def test_who_makes_us_hold_unfinished_messages_must_go() -> None:
    clock = SetClock()
    async with browser() as one, connected(one, clock) as peer:
        for number in range(MAX_UNREAD_BYTES // 1000 + 50):
            await one.force("control", bytes(1000), flags=0 if number else SCTP_DATA_FIRST_FRAG)
            await asyncio.sleep(0)  # or the socket's buffer overflows
        await one.until(lambda: peer.close_reason() is CloseReason.FLOOD, tick_s=0.02)


async def test_only_control_can_reset() -> None:
    clock, host = SetClock(), OpenHost()
    async with browser() as one, connected(one, clock, host) as peer:
        for label in ("notes", "input"):
            one.channels[label].send('{"type":"reset"}')
        one.channels["control"].send('{"type":"heartbeat"}')
        await one.until(lambda: peer.channels.last_message_s == clock.now_s, tick_s=0.02)
        assert host.num_resets == 0
        one.channels["control"].send('{"type":"reset"}')
        await one.until(lambda: host.num_resets == 1, tick_s=0.02)


async def test_a_status_is_told_once() -> None:
    clock = SetClock()
    async with browser() as one, connected(one, clock) as peer:
        for place in (2, 2, 1):
            peer.show({"type": "status", "status": "queued", "position": place})
        await one.until(lambda: one.received[-1].get("position") == 1)
        assert [m["position"] for m in one.received if m["type"] == "status"] == [2, 1]


async def test_a_watcher_has_no_channels_and_owes_no_heartbeat() -> None:
    clock = SetClock()
    async with browser(plays=False) as one:
        peer = await offered(one, clock)
        assert not peer.is_player
        assert not peer.send({"type": "heartbeat"})
        await peer.close()


async def test_a_viewer_that_also_offers_audio_is_answered_without_it() -> None:
    clock = SetClock()
    async with browser(plays=False) as one:
        one.connection.addTransceiver("audio", direction="sendrecv")
        peer = await offered(one, clock)
        audio = (await peer.answer()).split("m=audio")[1]
        assert "a=inactive" in audio
        await peer.close()


async def test_an_offer_that_aiortc_chokes_on_is_the_offers_fault() -> None:
    async with browser() as one:
        sdp = (await one.offer()).replace(" UDP/DTLS/SCTP ", " DTLS/SCTP ")
        peer = Peer("p1", read_offer(sdp.encode(), RULE), OpenHost(), RTC)
        with pytest.raises(Problem) as refused:
            await peer.answer()
        assert refused.value.status == 400
        await peer.close()


async def test_a_peer_that_lost_its_place_before_its_answer_is_told_to_try_again() -> None:
    """The offer was valid: a 400 would wrongly say that a retry is useless."""
    async with browser(plays=False) as one:
        peer = await offered(one, SetClock())
        await peer.close()
        with pytest.raises(Problem) as refused:
            await peer.answer()
        assert (refused.value.status, refused.value.kind) == (503, "edge-full")
        assert refused.value.retry_after_s > 0


async def test_packets_that_the_line_lost_are_sent_again() -> None:
    clock = SetClock()
    async with browser() as one, connected(one, clock) as peer:
        lost = lose_every(7, peer)
        seen: set[int] = set()
        receive = one.receiver._handle_rtp_packet

        async def note(packet: RtpPacket, arrival_time_ms: int) -> None:
            seen.add(packet.sequence_number)
            await receive(packet, arrival_time_ms)

        one.receiver._handle_rtp_packet = note  # type: ignore[method-assign]
        for _ in range(40):
            peer.track.put(encoded(b"\0\0\0\1\x0c" + os.urandom(12_000)))
            await asyncio.sleep(0.02)
        await one.until(lambda: len(lost) > 30 and len(lost - seen) < 3, tick_s=0.02)
        assert peer.close_reason() is None


def lose_every(nth: int, peer: Peer) -> set[int]:
    """Loses every nth RTP packet of this peer's video at the first transmission. Adds the sequence
    numbers to the returned set."""
    ice = peer._sender.transport.transport
    send, sent, lost = ice._send, set[int](), set[int]()

    async def lossy(data: bytes) -> None:
        number = int.from_bytes(data[2:4])
        is_new_rtp = data[0] >> 6 == 2 and not is_rtcp(data) and number not in sent
        if is_new_rtp:
            sent.add(number)
            if len(sent) % nth == 0:
                lost.add(number)
                return
        await send(data)

    ice._send = lossy
    return lost
