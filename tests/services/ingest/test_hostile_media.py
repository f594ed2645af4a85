"""Any input of one peer or stranger over UDP or a channel costs at most 5 ms of the event loop's
processor time at a time, and a bounded number of bytes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from struct import pack

import pytest
import uvloop
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
)
from aiortc.rtp import (
    RTCP_PSFB,
    RTCP_PSFB_PLI,
    RTCP_RTPFB,
    RTCP_RTPFB_NACK,
    RtpPacket,
    pack_rtcp_packet,
)

from services.ingest.action_gate import ActionGate, ActionVerdict
from services.ingest.webrtc.offer import read_candidates
from services.ingest.webrtc.peer import CloseReason, Peer
from services.wire.action import Action
from tests.services.ingest.hostile import (
    PER_PACKET,
    RULE,
    Attacker,
    attacked,
    chunk,
    until,
)
from tests.services.ingest.loop_clock import MAX_TURN_S, LoopClock, longest_turn_s

RUNS = 3
ORDERED = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG

Attack = Callable[[Attacker], Awaitable[None]]


class Nobody:
    async def append(self, replica_id: str, session_id: str, action: bytes) -> None: ...


class GatedHost:
    """A session with a real action gate."""

    def __init__(self) -> None:
        self._gate = ActionGate("s1", Nobody())
        self.num_keyframes = 0
        self.num_resets = 0

    def take_action(self, message: bytes) -> ActionVerdict:
        return self._gate.offer(message)

    def request_keyframe(self) -> None:
        self.num_keyframes += 1

    def request_reset(self) -> None:
        self.num_resets += 1

    def report_bitrate(self, bits_per_s: int) -> None: ...


def stream_of(attacker: Attacker, label: str) -> int:
    stream_id = attacker.browser.channels[label].id
    assert stream_id is not None
    return stream_id


async def gap(attacker: Attacker) -> None:
    attacker.leave_gap()
    for _ in range(200):
        await attacker.send(attacker.data(1001, b"x") for _ in range(PER_PACKET))
        await asyncio.sleep(0.001)


async def fragments(attacker: Attacker) -> None:
    unordered = SCTP_DATA_UNORDERED  # neither the first nor the last of a message
    for _ in range(200):
        await attacker.send(attacker.data(1001, b"x", flags=unordered) for _ in range(PER_PACKET))
        await asyncio.sleep(0.001)


async def streams(attacker: Attacker) -> None:
    for first in range(0, 6000, PER_PACKET):
        await attacker.send(attacker.data(first + n, b"x") for n in range(PER_PACKET))
        await asyncio.sleep(0.001)


async def held_back(attacker: Attacker) -> None:
    """Sends messages behind a missing message, then the missing message, so all are delivered at
    once."""
    stream_id = stream_of(attacker, "input")
    body = action()
    first = attacker.data(stream_id, body, flags=ORDERED, seq=0)
    for start in range(1, 250, 25):
        await attacker.send(
            attacker.data(stream_id, body, flags=ORDERED, seq=start + n) for n in range(25)
        )
    await asyncio.sleep(0.2)
    await attacker.send([first])


async def acknowledgements(attacker: Attacker) -> None:
    gaps = b"".join(pack("!HH", 1, 65535) for _ in range(250))
    sack = pack("!LLHH", (attacker.sctp._last_received_tsn or 0), 1 << 20, 250, 0) + gaps
    for _ in range(5):
        await attacker.send_raw(chunk(3, sack))


async def empty_parameter(attacker: Attacker) -> None:
    await attacker.send_raw(chunk(4, bytes(8)))


async def heartbeats(attacker: Attacker) -> None:
    beat = chunk(4, pack("!HH", 1, 4))
    for _ in range(100):
        await attacker.send_raw(beat * 90)
        await asyncio.sleep(0.001)


async def resets(attacker: Attacker) -> None:
    for number in range(100):
        param = pack("!HHLLL", 13, 16, number, 0, 1 << 31)
        await attacker.send_raw(chunk(130, param * 70))
        await attacker.send_raw(chunk(130, param) * 50)
        await asyncio.sleep(0.001)


async def skips(attacker: Attacker) -> None:
    for number in range(50):
        tsn = attacker.sctp._local_tsn + 100 * number
        named = b"".join(pack("!HH", 10 * number + n, 1) for n in range(250))
        await attacker.send_raw(chunk(192, pack("!L", tsn & 0xFFFFFFFF) + named))
        await asyncio.sleep(0.001)


async def records(attacker: Attacker) -> None:
    """Sends many DTLS records in one datagram."""
    dtls = attacker.sctp.transport
    ssl, small = dtls._ssl, chunk(4, pack("!HH", 1, 4))
    assert ssl is not None
    for _ in range(100):
        sent = []
        for _ in range(18):
            ssl.send(attacker.packet(small))
            sent.append(ssl.bio_read(1500))
        await dtls.transport._send(b"".join(sent))
        await asyncio.sleep(0.001)


def flood(label: str, body: bytes, per_packet: int) -> Attack:
    async def attack(attacker: Attacker) -> None:
        stream_id = stream_of(attacker, label)
        for _ in range(200):
            await attacker.send(attacker.data(stream_id, body) for _ in range(per_packet))
            await asyncio.sleep(0.001)

    return attack


def action() -> bytes:
    return Action(held=1, pressed=0, x_total=0, y_total=0, seq=1, sent_at_ms=1.0).to_bytes()


async def churn(attacker: Attacker) -> None:
    for number in range(200):
        open_ = pack("!BBHLHH", 3, 0, 0, 0, 1000, 0) + b"x" * 1000
        data = attacker.data(101 + 2 * number, open_)
        data.protocol = 50  # type: ignore[attr-defined]
        await attacker.send([data])
        await asyncio.sleep(0.001)


async def nacks(attacker: Attacker) -> None:
    await until(lambda: len(attacker.browser.rtp_timestamps) > 150)
    ssrc = attacker.browser._remote_ssrc()
    newest = attacker.browser.receiver._RTCRtpReceiver__remote_streams[ssrc].max_seq  # type: ignore[attr-defined]
    fci = b"".join(pack("!HH", (newest - 17 * (i % 8 + 1)) & 0xFFFF, 0xFFFF) for i in range(330))
    for _ in range(50):
        await attacker.send_feedback(
            pack_rtcp_packet(RTCP_RTPFB, RTCP_RTPFB_NACK, pack("!LL", 1, ssrc) + fci)
        )
        await asyncio.sleep(0.002)


async def lost_pictures(attacker: Attacker) -> None:
    await until(lambda: bool(attacker.browser.rtp_timestamps))
    ssrc = attacker.browser._remote_ssrc()
    one = pack_rtcp_packet(RTCP_PSFB, RTCP_PSFB_PLI, pack("!LL", 1, ssrc))
    for _ in range(100):
        await attacker.send_feedback(one * 110)
        await attacker.send_feedback(one * 16)
        await asyncio.sleep(0.001)


async def rtp(attacker: Attacker) -> None:
    for number in range(500):
        packet = RtpPacket(payload_type=102, sequence_number=1, payload=bytes(1000))
        packet.ssrc = number + 1
        await attacker.send_feedback(packet.serialize())
        await asyncio.sleep(0)


async def stranger(attacker: Attacker) -> None:
    """Sends from a third socket that knows the port only."""
    port = ingest_port(attacker)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as third:
        for _ in range(100):
            for datagram in (b"", b"\x80" + bytes(1700), b"\x16" + os.urandom(1400), b"\x17" * 99):
                third.sendto(datagram, ("127.0.0.1", port))
            for check in hostile_checks():
                third.sendto(check, ("127.0.0.1", port))
            await asyncio.sleep(0.002)


def hostile_checks() -> list[bytes]:
    """STUN requests without attributes, with truncated attributes, with 300 attributes."""
    bodies = [b"", *(pack("!HH", kind, 1) + bytes(4) for kind in (6, 8, 0x20, 0x24, 0x802A))]
    bodies.append(pack("!HHL", 0x24, 4, 1) * 180)
    return [pack("!HHL", 1, len(body), 0x2112A442) + os.urandom(12) + body for body in bodies]


def ingest_port(attacker: Attacker) -> int:
    lines = attacker.browser.connection.remoteDescription.sdp.splitlines()
    return next(int(line.split()[5]) for line in lines if line.startswith("a=candidate:"))


CONTROL = json.dumps({"type": "heartbeat", "more": [0] * 300}).encode()

# What is sent, and whether whoever sends it must go.
ATTACKS: dict[str, tuple[Attack, bool]] = {
    "gap": (gap, True),
    "fragments": (fragments, True),
    "streams": (streams, True),
    "held_back": (held_back, False),
    "acknowledgements": (acknowledgements, True),
    "empty_parameter": (empty_parameter, True),
    "heartbeats": (heartbeats, False),
    "resets": (resets, True),
    "skips": (skips, True),
    "records": (records, True),
    "input": (flood("input", action(), 26), False),
    "input_garbage": (flood("input", b"x", PER_PACKET), False),
    "control": (flood("control", CONTROL, 1), True),
    "notes": (flood("notes", b"x", PER_PACKET), False),
    "churn": (churn, True),
    "nacks": (nacks, False),
    "lost_pictures": (lost_pictures, False),
    "rtp": (rtp, False),
    "stranger": (stranger, False),
}


async def turn_s(attack: Attack, *, must_go: bool) -> float:
    clock = LoopClock()
    host = GatedHost()
    async with attacked(host) as (attacker, peer):
        with clock.running():
            await attacker.run(attack(attacker))  # type: ignore[arg-type]
            await settle(peer, must_go=must_go)
        assert peer.close_reason() is (CloseReason.FLOOD if must_go else None)
        assert host.num_keyframes < 20
    return clock.longest_s


async def settle(peer: Peer, *, must_go: bool) -> None:
    """Waits until the sent input has been handled."""
    if must_go:
        await until(lambda: peer.close_reason() is not None, timeout_s=3)
    else:
        await asyncio.sleep(0.3)


async def resets_heard_in_one_datagram() -> int:
    host = GatedHost()
    async with attacked(host) as (attacker, _):
        dtls, stream_id = attacker.sctp.transport, stream_of(attacker, "control")
        ssl, sent = dtls._ssl, []
        assert ssl is not None
        for _ in range(2):
            ssl.send(attacker.packet(bytes(attacker.data(stream_id, b'{"type":"reset"}'))))
            sent.append(ssl.bio_read(1500))
        await attacker.run(dtls.transport._send(b"".join(sent)))
        await until(lambda: host.num_resets == 2)
        return host.num_resets


def test_every_dtls_record_of_a_datagram_is_read() -> None:
    """aiortc reads the first record and lets the others pile up."""
    assert uvloop.run(resets_heard_in_one_datagram()) == 2


async def trickle_s() -> float:
    lines = [f"a=candidate:{n} 1 udp {n} 10.0.0.{n} 5000 typ host" for n in range(1, 64)]
    clock = LoopClock()
    async with attacked(GatedHost()) as (_, peer):
        with clock.running():
            body = "\r\n".join(lines).encode()
            await peer.add_candidates(read_candidates(body, peer.offer, RULE))
            await asyncio.sleep(0.1)
    return clock.longest_s


def test_no_candidates_hold_the_loop() -> None:
    assert longest_turn_s(trickle_s, runs=3) < MAX_TURN_S


@pytest.mark.parametrize("name", ATTACKS)
def test_no_peer_holds_the_loop(name: str) -> None:
    attack, must_go = ATTACKS[name]
    longest_s = longest_turn_s(partial(turn_s, attack, must_go=must_go), runs=RUNS)
    print(f"{name}: {longest_s * 1e3:.1f} ms")
    assert longest_s < MAX_TURN_S
