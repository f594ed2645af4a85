"""Guards: every private name used by ingest exists and behaves as expected.

After a failure with a new aiortc or aioice, review `rtc_hooks/`.
"""

import inspect
from collections.abc import Iterable, Iterator

import aioice.ice
import pytest
from aiortc import (
    RTCConfiguration,
    RTCDtlsTransport,
    RTCPeerConnection,
    RTCRtpCodecParameters,
    RTCRtpSender,
    RTCSctpTransport,
)
from aiortc.codecs import get_encoder
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.mediastreams import VIDEO_TIME_BASE
from aiortc.rtcsctptransport import InboundStream
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    pack_remb_fci,
)
from av.packet import Packet
from OpenSSL import SSL

from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.rtc_hooks import sctp as sctp_guard
from services.ingest.webrtc.rtc_hooks import sending
from services.ingest.webrtc.rtc_hooks.guard import MAX_CERTIFICATE_DEPTH
from services.ingest.webrtc.rtc_hooks.rtcp import (
    BURST_LOST_PICTURES,
    MAX_RESENT_AT_ONCE,
    RESENT_PER_S,
)
from services.ingest.webrtc.share import ProcessorShare
from services.wire.codec import VideoCodec


class Listener:
    def __init__(self) -> None:
        self.num_keyframes = 0
        self.bitrates: list[int] = []

    def keyframe(self) -> None:
        self.num_keyframes += 1


def watched() -> tuple[RTCRtpSender, Listener]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sender = connection.addTransceiver("video", direction="sendonly").sender
    listener = Listener()
    rtc_hooks.watch_sender(
        sender,
        ProcessorShare(),
        on_keyframe=listener.keyframe,
        on_bitrate=listener.bitrates.append,
    )
    return sender, listener


@pytest.mark.asyncio
@pytest.mark.parametrize("fmt", [RTCP_PSFB_PLI, RTCP_PSFB_FIR])
async def test_a_lost_picture_is_reported(fmt: int) -> None:
    sender, listener = watched()
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=fmt, ssrc=1, media_ssrc=sender._ssrc))
    assert listener.num_keyframes == 1


@pytest.mark.asyncio
async def test_what_can_be_received_is_reported() -> None:
    sender, listener = watched()
    fci = pack_remb_fci(500_000, [sender._ssrc])
    remb = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)
    await sender._handle_rtcp_packet(remb)
    assert listener.bitrates == [500_000]


@pytest.mark.asyncio
@pytest.mark.parametrize("fci", [b"", b"AFB0", pack_remb_fci(500_000, [1])])
async def test_feedback_that_is_not_ours_is_left_alone(fci: bytes) -> None:
    sender, listener = watched()
    packet = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)
    await sender._handle_rtcp_packet(packet)
    assert listener.bitrates == []


@pytest.mark.asyncio
async def test_the_sender_keeps_its_last_rtp_timestamp() -> None:
    sender, _ = watched()
    assert rtc_hooks.last_rtp_timestamp(sender) == 0
    assert "self.__rtp_timestamp = packet.timestamp" in inspect.getsource(RTCRtpSender._run_rtp)


@pytest.mark.asyncio
async def test_one_codec_is_sent_and_of_h264_constrained_baseline_first() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = connection.addTransceiver("video", direction="sendonly")
    rtc_hooks.send_only(transceiver, VideoCodec.H264)
    offer = await connection.createOffer()
    formats = [line for line in offer.sdp.splitlines() if line.startswith("a=fmtp")]
    assert "42e01f" in formats[0]
    assert "VP8" not in offer.sdp
    rtc_hooks.send_only(transceiver, VideoCodec.VP8)
    offer = await connection.createOffer()
    assert "VP8/90000" in offer.sdp and "rtx/90000" in offer.sdp
    assert "H264" not in offer.sdp


def test_aiortc_packs_ready_made_vp8_as_rfc_7741_says() -> None:
    """Each packet starts with a descriptor with a picture id; only the first packet starts a
    frame."""
    encoder = get_encoder(RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90000))
    frame = bytes(range(256)) * 12
    ids = []
    for pts in (0, 1):
        packet = Packet(frame)
        packet.pts, packet.time_base = pts, VIDEO_TIME_BASE
        payloads, _ = encoder.pack(packet)
        parsed = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
        assert b"".join(data for _, data in parsed) == frame
        assert [one.partition_start for one, _ in parsed] == [1] + [0] * (len(parsed) - 1)
        assert max(len(payload) for payload in payloads) <= 1300
        [picture_id] = {one.picture_id for one, _ in parsed}
        ids.append(picture_id or 0)
    assert ids[1] == (ids[0] + 1) % (1 << 15)


@pytest.fixture
def gathering() -> Iterator[None]:
    before = aioice.ice.get_host_addresses
    yield
    aioice.ice.get_host_addresses = before


@pytest.mark.asyncio
async def test_one_address_is_gathered_and_no_other(gathering: None) -> None:
    rtc_hooks.gather_only(["127.0.0.1"])
    connection = aioice.ice.Connection(ice_controlling=True)
    await connection.gather_candidates()
    assert {candidate.host for candidate in connection.local_candidates} == {"127.0.0.1"}
    await connection.close()


@pytest.mark.asyncio
async def test_the_machines_own_addresses_are_gathered_beside_loopback(
    gathering: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_own_addresses", lambda *_: ["127.0.0.2", "127.0.0.3"])
    rtc_hooks.gather_only(["127.0.0.1", "host"])
    connection = aioice.ice.Connection(ice_controlling=True)
    await connection.gather_candidates()
    found = {candidate.host for candidate in connection.local_candidates}
    assert found == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
    await connection.close()


def test_aioice_still_asks_for_addresses_by_that_name() -> None:
    source = inspect.getsource(aioice.ice.Connection.gather_candidates)
    assert "get_host_addresses(" in source


async def listened() -> tuple[RTCRtpSender, Listener, list[int]]:
    """A watched sender, and the retransmitted packets."""
    sender, listener = watched()
    resent: list[int] = []

    async def retransmit(sequence_number: int) -> None:
        resent.append(sequence_number)

    sender._retransmit = retransmit  # type: ignore[method-assign]
    return sender, listener, resent


def nack(sender: RTCRtpSender, lost: Iterable[int]) -> RtcpRtpfbPacket:
    return RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=sender._ssrc, lost=list(lost))


@pytest.mark.asyncio
async def test_a_packet_named_twice_is_sent_again_once() -> None:
    sender, listener, resent = await listened()
    await sender._handle_rtcp_packet(nack(sender, [7, 8, 7, 7, 9]))
    assert resent == [7, 8, 9]
    assert listener.num_keyframes == 0


@pytest.mark.asyncio
async def test_more_lost_packets_than_the_budget_become_one_keyframe() -> None:
    sender, listener, resent = await listened()
    await sender._handle_rtcp_packet(nack(sender, range(1000)))
    assert len(resent) == MAX_RESENT_AT_ONCE
    assert listener.num_keyframes == 1
    for first in range(1000, 9000, 100):
        await sender._handle_rtcp_packet(nack(sender, range(first, first + 100)))
    assert len(resent) < RESENT_PER_S * 1.5
    assert listener.num_keyframes <= BURST_LOST_PICTURES + 1


def test_aiortc_resends_by_that_name() -> None:
    assert "self._retransmit(" in inspect.getsource(RTCRtpSender._handle_rtcp_packet)


def test_aioice_still_makes_its_sockets_by_that_name() -> None:
    source = inspect.getsource(aioice.ice.Connection.get_component_candidates)
    assert "StunProtocol(self)" in source
    assert "self._queue.get()" in inspect.getsource(aioice.ice.Connection.recvfrom)
    assert "self._queue.put_nowait(" in inspect.getsource(aioice.ice.Connection.data_received)


def test_aiortc_still_handles_what_it_receives_by_those_names() -> None:
    received = inspect.getsource(RTCDtlsTransport._recv_next)
    assert "self._handle_rtcp_data(" in received
    assert "_data_receiver._handle_data(" in received
    assert "self._ssl.recv(" in received
    assert "_create_ssl_context(" in inspect.getsource(RTCDtlsTransport.start)
    assert "self._receive_chunk(" in inspect.getsource(RTCSctpTransport._handle_data)
    assert "self._data_channel_receive(" in inspect.getsource(RTCSctpTransport._receive)


@pytest.mark.asyncio
async def test_a_fresh_association_holds_nothing() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.createDataChannel("input")
    sctp = connection.sctp
    assert sctp is not None
    assert sctp._advertised_rwnd == sctp_guard.WINDOW_BYTES
    assert (sctp._sack_misordered, sctp._inbound_streams) == (set(), {})
    assert InboundStream().reassembly == []


@pytest.mark.asyncio
async def test_a_handshake_neither_repeats_nor_verifies_a_long_chain() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    dtls = connection.addTransceiver("video", direction="sendonly").sender.transport
    rtc_hooks.guard_connection(connection, Abuse(), ProcessorShare())
    certificate = dtls._RTCDtlsTransport__local_certificate  # type: ignore[attr-defined]
    context = certificate._create_ssl_context(dtls._srtp_profiles)
    assert context.get_verify_depth() == MAX_CERTIFICATE_DEPTH
    assert context.set_options(0) & SSL.OP_NO_RENEGOTIATION
