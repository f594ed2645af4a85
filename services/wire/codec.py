"""Video codecs by their names in Redis and on the frame link."""

from enum import StrEnum


class VideoCodec(StrEnum):
    """Codecs in order of preference. A session uses one codec at a time, chosen for the player's
    browser."""

    H264 = "h264"  # Annex B, constrained baseline (RFC 6184)
    VP8 = "vp8"  # RFC 6386, one frame as RFC 7741 fragments it

    @property
    def mime_type(self) -> str:
        """Returns the WebRTC name of the codec."""
        return {VideoCodec.H264: "video/H264", VideoCodec.VP8: "video/VP8"}[self]
