"""Estimates the network delay of frames from the wall clocks of two machines, which may differ."""

FRAMES_PER_WINDOW = 300
SLOWEST_S = 0.25  # the quickest of some hundred frames does not take longer between two machines


class HopClock:
    """Keeps the smallest clock difference of the last frames. If the difference is impossible as a
    delay, the clocks differ, and delays are relative to the fastest frame."""

    def __init__(self) -> None:
        self._least_before = float("inf")
        self._least = float("inf")
        self._num_frames = 0

    def hop_s(self, *, sent_at_s: float, now_s: float) -> float:
        """Returns seconds, at least 0. `sent_at_s`: the sender's clock; `now_s`: the receiver's
        clock."""
        passed_s = now_s - sent_at_s
        self._least = min(self._least, passed_s)
        least = min(self._least, self._least_before)
        self._num_frames += 1
        if self._num_frames == FRAMES_PER_WINDOW:
            self._least_before, self._least, self._num_frames = self._least, float("inf"), 0
        return passed_s if 0 <= least <= SLOWEST_S else passed_s - least
