"""Requests from the links of a session to the encoder: keyframes, bit rate, codec. Shared by two
threads."""

from services.wire.codec import VideoCodec


class EncoderRequests:
    """Written by the event loop, read by the encode loop. No lock: every field is written whole,
    and one keyframe answers all requests that arrive before the keyframe is made."""

    def __init__(self) -> None:
        self.num_links = 0
        self.codec = VideoCodec.H264
        self._wants_keyframe = False
        self._receivable_bps: int | None = None

    def request_keyframe(self) -> None:
        self._wants_keyframe = True

    def report_bit_rate(self, receivable_bps: int) -> None:
        """What the player can receive, in bits per second."""
        self._receivable_bps = receivable_bps

    @property
    def wants_keyframe(self) -> bool:
        return self._wants_keyframe

    def note_keyframe(self) -> None:
        self._wants_keyframe = False

    def take_bit_rate(self) -> int | None:
        """The newest report since the last call, in bits per second; None without a report."""
        receivable_bps, self._receivable_bps = self._receivable_bps, None
        return receivable_bps
