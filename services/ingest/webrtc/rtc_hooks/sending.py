"""Feedback for a track with ready-made packets: lost frames, receivable bit rate, RTP timestamps.

aiortc passes none of the three values to a track.
"""

from collections.abc import Callable, Iterable

import aioice.ice
from aiortc import RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs import CODECS
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    unpack_remb_fci,
)
from aiortc.sdp import MediaDescription

from services.ingest.settings import OWN_ADDRESSES
from services.ingest.webrtc.rtc_hooks.rtcp import Repair
from services.ingest.webrtc.share import ProcessorShare
from services.wire.codec import VideoCodec

_own_addresses = aioice.ice.get_host_addresses


def gather_only(addresses: Iterable[str]) -> None:
    """Makes this process offer only `addresses`. OWN_ADDRESSES stands for the addresses found by
    aioice, without loopback."""

    def chosen(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        found: list[str] = []
        for address in addresses:
            found += _own_addresses(use_ipv4, use_ipv6) if address == OWN_ADDRESSES else [address]
        return found

    aioice.ice.get_host_addresses = chosen


def send_only(transceiver: RTCRtpTransceiver, codec: VideoCodec) -> None:
    """Restricts the transceiver to `codec` and retransmissions; for H.264 packetization-mode 1,
    constrained baseline first.

    Works only before the remote offer is applied; aiortc silently ignores a later call.
    """
    known = RTCRtpSender.getCapabilities("video").codecs
    wanted = [one for one in known if one.mimeType == codec.mime_type]
    wanted.sort(key=lambda one: str(one.parameters.get("profile-level-id")), reverse=True)
    rtx = [one for one in known if one.mimeType == "video/rtx"]
    transceiver.setCodecPreferences(wanted + rtx)


def sendable_codecs(video: MediaDescription) -> tuple[VideoCodec, ...]:
    """Returns the codecs that aiortc could send to the browser with offer `video`, in order of
    preference."""
    common = find_common_codecs(CODECS["video"], video.rtp.codecs)
    mime_types = {codec.mimeType for codec in common}
    return tuple(codec for codec in VideoCodec if codec.mime_type in mime_types)


def watch_sender(
    sender: RTCRtpSender,
    share: ProcessorShare,
    *,
    on_keyframe: Callable[[], None],
    on_bitrate: Callable[[int], None],
) -> None:
    """Calls `on_keyframe` after a lost frame (PLI, FIR, or too many NACKs) and `on_bitrate` with
    the receivable bits per second (REMB). `share` accounts for the time of retransmissions."""
    handle = sender._handle_rtcp_packet
    repair = Repair(sender, on_keyframe)
    sender._send_keyframe  # noqa: B018 - fails here when the name is gone

    async def handle_and_report(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            _report_bitrate(packet, sender._ssrc, on_bitrate)
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            await repair.resend(packet, share)
        else:
            await handle(packet)

    sender._handle_rtcp_packet = handle_and_report  # type: ignore[method-assign]
    sender._send_keyframe = repair.restart_picture  # type: ignore[method-assign]


def _report_bitrate(packet: RtcpPsfbPacket, ssrc: int, on_bitrate: Callable[[int], None]) -> None:
    try:
        bitrate, ssrcs = unpack_remb_fci(packet.fci)
    except ValueError:
        return  # another application's feedback
    if ssrc in ssrcs:
        on_bitrate(bitrate)


def last_rtp_timestamp(sender: RTCRtpSender) -> int:
    """Returns the RTP timestamp of the last sent packet, including the random offset, as the
    browser sees the timestamp."""
    timestamp: int = sender._RTCRtpSender__rtp_timestamp  # type: ignore[attr-defined]
    return timestamp
