"""The private names used by the attacks exist; the packets have the intended content."""

import asyncio
from struct import unpack_from

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import RtcpPacket, RtcpRtpfbPacket

from loadtest.drills.attacks.peers import UNKNOWN_STREAM, actions
from loadtest.drills.attacks.rtc_hooks import (
    BEGINNING,
    LOST_PER_NACK,
    send_messages,
    send_nack,
    skip_a_tsn,
)
from services.wire.action import Action

SCTP_HEADER_BYTES, DATA = 12, 0


class Sent:
    """Replaces the transport and stores outgoing packets."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    async def keep(self, data: bytes) -> None:
        self.packets.append(data)


def chunks(packet: bytes) -> list[tuple[int, int, int]]:
    """Returns (kind, flags, TSN) of each chunk."""
    found, position = [], SCTP_HEADER_BYTES
    while position + 8 <= len(packet):
        kind, flags, length, tsn = unpack_from("!BBHL", packet, position)
        found.append((kind, flags, tsn))
        position += length + -length % 4
    return found


@pytest.mark.asyncio
async def test_messages_behind_a_gap_are_in_one_packet() -> None:
    connection, sent = RTCPeerConnection(), Sent()
    connection.createDataChannel("input")
    sctp = connection.sctp
    assert sctp is not None
    sctp._remote_port = 5000
    sctp.transport._send_data = sent.keep  # type: ignore[method-assign]
    first = sctp._local_tsn
    skip_a_tsn(sctp)
    await send_messages(sctp, UNKNOWN_STREAM, [b"x"] * 3, flags=BEGINNING)
    [packet] = sent.packets
    numbers = [(first + n) % (1 << 32) for n in (1, 2, 3)]
    assert chunks(packet) == [(DATA, BEGINNING, number) for number in numbers]
    await connection.close()


@pytest.mark.asyncio
async def test_a_nack_asks_for_thousands_of_packets() -> None:
    connection, sent = RTCPeerConnection(), Sent()
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    receiver.transport._send_rtp = sent.keep  # type: ignore[method-assign]
    streams = vars(receiver)["_RTCRtpReceiver__remote_streams"]
    assert not await send_nack(receiver)  # no video yet
    streams[1234] = type("Stream", (), {"max_seq": 500})()
    assert await send_nack(receiver)
    [data] = sent.packets
    [packet] = RtcpPacket.parse(data)
    assert isinstance(packet, RtcpRtpfbPacket)
    assert packet.media_ssrc == 1234
    assert len(packet.lost) == 17 * LOST_PER_NACK
    await connection.close()
    await asyncio.sleep(0)


def test_the_attackers_actions_are_actions() -> None:
    assert [Action.from_bytes(one).seq for one in actions(7, 3)] == [7, 8, 9]
