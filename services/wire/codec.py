"""The video codecs of a session, by the names that Redis and the frame link carry."""

from enum import StrEnum


class VideoCodec(StrEnum):
    """In order of preference. One session has one codec at a time: that of its player's browser."""

    H264 = "h264"  # Annex B, constrained baseline (RFC 6184)
    VP8 = "vp8"  # RFC 6386, one frame as RFC 7741 fragments it

    @property
    def mime_type(self) -> str:
        """As WebRTC names the codec."""
        return {VideoCodec.H264: "video/H264", VideoCodec.VP8: "video/VP8"}[self]
