"""What the links of one session ask of its encoder. The seam between two threads."""

from services.wire.codec import VideoCodec


class Demand:
    """Written by the event loop, read by the encode loop. No lock: every field is written whole,
    and a request that arrives while one is being taken is answered by the same keyframe."""

    def __init__(self) -> None:
        self.num_links = 0
        self.codec = VideoCodec.H264
        self._wants_keyframe = False
        self._receivable_bps: int | None = None

    def ask_keyframe(self) -> None:
        self._wants_keyframe = True

    def report_bit_rate(self, receivable_bps: int) -> None:
        self._receivable_bps = receivable_bps

    @property
    def wants_keyframe(self) -> bool:
        return self._wants_keyframe

    def keyframe_made(self) -> None:
        self._wants_keyframe = False

    def take_bit_rate(self) -> int | None:
        """The newest report since the last call, in bits per second."""
        receivable_bps, self._receivable_bps = self._receivable_bps, None
        return receivable_bps
