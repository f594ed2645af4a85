"""Which of three fixed bit rates the video of a session gets. Pure: no codec, no clock.

An encoder cannot change its bit rate while running. Each change makes a new encoder and costs a
keyframe, hence few bit rates and slow raises.
"""

from services.generation.video.h264_level import MAX_BIT_RATE

BITS_PER_PIXEL = (0.12, 0.35, 0.70)
START_INDEX = 1
_LOW_REPORTS = 2  # in a row: a single low report may be a hiccup
_LOW = 0.8  # of the sent bit rate: a report below is low
# A receiver never estimates more than about 1.5 times the received bit rate, hence every raise is
# a trial; after each fall the next trial waits twice as long.
_HIGH = 1.3  # of the chosen bit rate
_FIRST_RAISE_S, _LONGEST_RAISE_S = 8.0, 128.0


def choose_bit_rates(width: int, height: int, fps: float) -> tuple[int, ...]:
    """Bits per second, lowest first, for frames of `width` x `height` pixels; none above the H.264
    level."""
    wanted = (round(width * height * fps * bits) for bits in BITS_PER_PIXEL)
    return tuple(min(bits_per_s, MAX_BIT_RATE) for bits_per_s in wanted)


class BitRateSelector:
    """Owns the bit rate of one session. Falls after two reports below the sent bit rate: a quiet
    scene sends little and is then estimated low without meaning. Rises after some seconds of
    reports well above the chosen bit rate."""

    def __init__(self, bit_rates: tuple[int, ...]) -> None:
        self._bit_rates = bit_rates
        self._index = START_INDEX
        self._num_low = 0
        self._high_since_s: float | None = None
        self._raise_after_s = _FIRST_RAISE_S

    @property
    def bit_rate(self) -> int:
        return self._bit_rates[self._index]

    def report(self, receivable_bps: float, sent_bps: float, now: float) -> bool:
        """`receivable_bps`: what the player can receive. `sent_bps`: what was sent lately. True if
        the bit rate has changed."""
        is_low = receivable_bps < _LOW * min(sent_bps, self.bit_rate)
        self._num_low = self._num_low + 1 if is_low else 0
        if receivable_bps < _HIGH * self.bit_rate:
            self._high_since_s = None
        elif self._high_since_s is None:
            self._high_since_s = now
        if self._num_low >= _LOW_REPORTS and self._index > 0:
            self._raise_after_s = min(2 * self._raise_after_s, _LONGEST_RAISE_S)
            return self._move(-1)
        if self._has_been_high(now) and self._index + 1 < len(self._bit_rates):
            return self._move(+1)
        return False

    def _has_been_high(self, now: float) -> bool:
        return self._high_since_s is not None and now - self._high_since_s >= self._raise_after_s

    def _move(self, by: int) -> bool:
        self._index += by
        self._num_low = 0
        self._high_since_s = None
        return True
