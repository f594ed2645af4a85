"""Which of three fixed bit rates a session's picture gets. Pure: no codec, no clock.

The encoder is rebuilt with each change (a running one takes no new rate), and that costs a
keyframe: so few rungs, and slow to climb.
"""

from services.generation.video.level import MAX_BIT_RATE

BITS_PER_PIXEL = (0.12, 0.35, 0.70)
START_RUNG = 1
_LOW_REPORTS = 2  # one low report may be a hiccup
_LOW = 0.8  # of what is being sent
# A receiver never estimates more than about 1.5 times of what it gets, so a climb is always a
# try; after each fall the next try waits twice as long.
_HIGH = 1.3  # of the rung's bit rate
_FIRST_CLIMB_S, _LONGEST_CLIMB_S = 8.0, 128.0


def rung_bit_rates(width: int, height: int, fps: float) -> tuple[int, ...]:
    """Bits per second, lowest first, for a picture of that size; none above the H.264 level."""
    wanted = (round(width * height * fps * bits) for bits in BITS_PER_PIXEL)
    return tuple(min(bits_per_s, MAX_BIT_RATE) for bits_per_s in wanted)


class RateRung:
    """Owns the rung of one session. Falls after two reports below what is really being sent (a
    quiet picture sends little and is then estimated low, which means nothing), climbs after some
    seconds of reports well above its bit rate."""

    def __init__(self, bit_rates: tuple[int, ...]) -> None:
        self._bit_rates = bit_rates
        self._rung = START_RUNG
        self._num_low = 0
        self._high_since_s: float | None = None
        self._climb_after_s = _FIRST_CLIMB_S

    @property
    def bit_rate(self) -> int:
        return self._bit_rates[self._rung]

    def report(self, receivable_bps: float, sent_bps: float, now: float) -> bool:
        """What the player can receive, and what it was sent lately. True if the rung changed."""
        is_low = receivable_bps < _LOW * min(sent_bps, self.bit_rate)
        self._num_low = self._num_low + 1 if is_low else 0
        if receivable_bps < _HIGH * self.bit_rate:
            self._high_since_s = None
        elif self._high_since_s is None:
            self._high_since_s = now
        if self._num_low >= _LOW_REPORTS and self._rung > 0:
            self._climb_after_s = min(2 * self._climb_after_s, _LONGEST_CLIMB_S)
            return self._move(-1)
        if self._has_been_high(now) and self._rung + 1 < len(self._bit_rates):
            return self._move(+1)
        return False

    def _has_been_high(self, now: float) -> bool:
        return self._high_since_s is not None and now - self._high_since_s >= self._climb_after_s

    def _move(self, by: int) -> bool:
        self._rung += by
        self._num_low = 0
        self._high_since_s = None
        return True
