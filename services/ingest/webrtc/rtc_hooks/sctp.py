"""Bounds on the memory and work of one peer's data channels, checked at every chunk.

aiortc advertises a receive window without enforcement, and the cost of aiortc's bookkeeping grows
quadratically with the buffered chunks.
"""

from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import WEBRTC_DCEP, Chunk
from OpenSSL import SSL

from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.rtc_hooks.sctp_packet import packet_error
from services.ingest.webrtc.share import ProcessorShare

WINDOW_BYTES = 1 << 20  # what aiortc advertises
MAX_UNREAD_BYTES = 1 << 18  # of unfinished messages; the page's fit into one packet each
MAX_OUT_OF_ORDER = 256  # chunks behind a missing one
MAX_FRAGMENTS = 256  # chunks of messages that are unfinished or not yet in order
MAX_STREAMS = 16  # the page uses three
MAX_MESSAGE_BYTES = 1 << 16
MAX_OPEN_BYTES = 12 + 128  # the request to open a channel: header, label and protocol (RFC 8832)
MAX_RECORDS = 4  # DTLS records in one datagram


def guard_association(sctp: RTCSctpTransport, abuse: Abuse, share: ProcessorShare) -> None:
    """Bounds an association before the start; a violation is reported to `abuse`."""
    handle_packet, handle_chunk = sctp._handle_data, sctp._receive_chunk
    handle_message = sctp._data_channel_receive

    async def check_packets(packet: bytes) -> None:
        """aiortc reads one DTLS record of a datagram and leaves the others to pile up."""
        for number in range(MAX_RECORDS + 1):
            if number == MAX_RECORDS:
                abuse.report("records")
            if number > 0:
                packet = _next_record(sctp)
            if abuse.reason or not packet:
                return
            await check_packet(packet)

    async def check_packet(packet: bytes) -> None:
        if error := packet_error(packet):
            abuse.report(error)
            return
        try:
            await handle_packet(packet)
        except ConnectionError:
            raise
        except Exception:  # whatever aiortc trips over, the peer sent it
            abuse.report("malformed")

    async def check_chunk(chunk: Chunk) -> None:
        if abuse.reason:
            return
        await handle_chunk(chunk)
        if error := _hoard(sctp):
            abuse.report(error)
        await share.pause_if_long()

    async def check_message(stream_id: int, pp_id: int, message: bytes) -> None:
        if abuse.reason:
            return
        limit = MAX_OPEN_BYTES if pp_id == WEBRTC_DCEP else MAX_MESSAGE_BYTES
        if len(message) > limit:
            abuse.report("message")
            return
        await handle_message(stream_id, pp_id, message)
        await share.pause_if_long()

    sctp._handle_data = check_packets  # type: ignore[method-assign,assignment]
    sctp._receive_chunk = check_chunk  # type: ignore[method-assign]
    sctp._data_channel_receive = check_message  # type: ignore[method-assign,assignment]


def _hoard(sctp: RTCSctpTransport) -> str:
    """Which bound on what is held is broken, if one is."""
    if len(sctp._sack_misordered) > MAX_OUT_OF_ORDER:
        return "out_of_order"
    streams = sctp._inbound_streams
    if len(streams) > MAX_STREAMS:
        return "streams"
    if sum(len(stream.reassembly) for stream in streams.values()) > MAX_FRAGMENTS:
        return "fragments"
    return "unread" if WINDOW_BYTES - sctp._advertised_rwnd > MAX_UNREAD_BYTES else ""


def _next_record(sctp: RTCSctpTransport) -> bytes:
    """The next record that DTLS has already received; empty when there is none."""
    ssl = sctp.transport._ssl
    assert ssl is not None
    try:
        return ssl.recv(1500)
    except SSL.Error:
        return b""
