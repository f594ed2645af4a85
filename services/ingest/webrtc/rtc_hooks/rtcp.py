"""Bounds on the work caused by one peer's RTCP feedback: handled packets, retransmissions, keyframe
requests."""

import time
from collections.abc import Callable
from struct import unpack_from

from aiortc import RTCDtlsTransport, RTCRtpSender
from aiortc.rtp import RtcpRtpfbPacket

from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.rtc_hooks.datagrams import drop
from services.ingest.webrtc.share import ProcessorShare
from services.ingest.webrtc.token_bucket import TokenBucket

MAX_PACKETS = 16  # in one datagram; a browser puts together up to six
MAX_SOURCES = 8  # SSRCs; libsrtp keeps state for every one
MAX_RESENT_AT_ONCE = 128
RESENT_PER_S = 200
LOST_PICTURES_PER_S = 2
BURST_LOST_PICTURES = 4


def guard_feedback(dtls: RTCDtlsTransport, abuse: Abuse) -> None:
    """Bounds the feedback of one transport; datagrams beyond the bounds are dropped."""
    handle = dtls._handle_rtcp_data
    sources: set[bytes] = set()

    async def check(data: bytes) -> None:
        if abuse.reason or _num_packets(data) > MAX_PACKETS:
            drop("feedback")
            return
        sources.add(data[4:8])
        if len(sources) > MAX_SOURCES:
            abuse.report("sources")
            return
        try:
            await handle(data)
        except ConnectionError:
            raise
        except Exception:  # aiortc's parser trusts the lengths inside
            drop("malformed")

    dtls._handle_rtcp_data = check  # type: ignore[method-assign]


def _num_packets(data: bytes) -> int:
    position, count = 0, 0
    while position + 4 <= len(data):
        position += 4 + 4 * unpack_from("!H", data, position + 2)[0]
        count += 1
    return count


class Repair:
    """Retransmits lost packets of one sender within a budget. `on_keyframe`: called for losses
    beyond the budget, at most `LOST_PICTURES_PER_S` times per second."""

    def __init__(self, sender: RTCRtpSender, on_keyframe: Callable[[], None]) -> None:
        self._sender = sender
        self._on_keyframe = on_keyframe
        self._resent = TokenBucket(per_s=RESENT_PER_S, burst=RESENT_PER_S)
        self._pictures = TokenBucket(per_s=LOST_PICTURES_PER_S, burst=BURST_LOST_PICTURES)
        sender._retransmit  # noqa: B018 - fails here when the name is gone

    async def resend(self, packet: RtcpRtpfbPacket, share: ProcessorShare) -> None:
        """Answers one NACK (RFC 4585, section 6.2.1): every packet once, the oldest first."""
        lost = list(dict.fromkeys(packet.lost))
        for number, sequence_number in enumerate(lost):
            if number >= MAX_RESENT_AT_ONCE or not self._resent.take(time.monotonic()):
                self.restart_picture()
                return
            await self._sender._retransmit(sequence_number)
            await share.pause_if_long()

    def restart_picture(self) -> None:
        """Requests a keyframe after a lost frame, unless the rate limit is reached."""
        if self._pictures.take(time.monotonic()):
            self._on_keyframe()
