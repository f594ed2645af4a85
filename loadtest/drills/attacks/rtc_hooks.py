"""Private names of aiortc for the attacks, to send packets of no honest peer.

`tests/loadtest/drills/test_rtc_hooks.py` fails if a name disappears.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

from aiortc import RTCRtpReceiver, RTCSctpTransport
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    WEBRTC_BINARY,
    DataChunk,
    serialize_packet,
    tsn_plus_one,
)
from aiortc.rtp import RTCP_RTPFB, RTCP_RTPFB_NACK, pack_rtcp_packet

WHOLE = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG | SCTP_DATA_UNORDERED
BEGINNING = SCTP_DATA_FIRST_FRAG | SCTP_DATA_UNORDERED
LOST_PER_NACK = 330  # entries of 17 packets each
_STREAMS = "_RTCRtpReceiver__remote_streams"


@dataclass(frozen=True, slots=True)
class _Chunks:
    """Several chunks, where aiortc's packets hold one."""

    chunks: Sequence[DataChunk]

    def __bytes__(self) -> bytes:
        return b"".join(map(bytes, self.chunks))


def skip_a_tsn(sctp: RTCSctpTransport) -> None:
    """Puts all later data behind a gap (RFC 9260, section 6.2)."""
    sctp._local_tsn = tsn_plus_one(sctp._local_tsn)


async def send_messages(
    sctp: RTCSctpTransport, stream_id: int, messages: Sequence[bytes], *, flags: int = WHOLE
) -> None:
    """Sends all messages in one packet, ignoring every window. Raises ConnectionError on a closed
    connection."""
    assert sctp._remote_port is not None  # there is an association by now
    chunks = []
    for message in messages:
        chunk = DataChunk(flags=flags)
        chunk.tsn, chunk.stream_id = sctp._local_tsn, stream_id
        chunk.protocol, chunk.user_data = WEBRTC_BINARY, message
        sctp._local_tsn = tsn_plus_one(chunk.tsn)
        chunks.append(chunk)
    packet = serialize_packet(
        sctp._local_port,
        sctp._remote_port,
        sctp._remote_verification_tag,
        _Chunks(chunks),  # type: ignore[arg-type]
    )
    await sctp.transport._send_data(packet)


async def send_nack(receiver: RTCRtpReceiver) -> bool:
    """Requests thousands of packets in one NACK (RFC 4585, section 6.2.1). Returns False before the
    first video packet; raises ConnectionError on a closed connection."""
    for ssrc, stream in getattr(receiver, _STREAMS).items():
        if stream.max_seq is None:
            return False
        lost = b"".join(
            pack("!HH", (stream.max_seq - 17 * (entry % 6 + 1)) & 0xFFFF, 0xFFFF)
            for entry in range(LOST_PER_NACK)
        )
        head = pack("!LL", 1, ssrc)
        await receiver.transport._send_rtp(
            pack_rtcp_packet(RTCP_RTPFB, RTCP_RTPFB_NACK, head + lost)
        )
        return True
    return False
