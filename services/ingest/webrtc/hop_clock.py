"""How long a frame was on its way, by the wall clocks of two machines that may differ."""

FRAMES_PER_WINDOW = 300
SLOWEST_S = 0.25  # the quickest of some hundred frames does not take longer between two machines


class HopClock:
    """Owns the smallest difference of the two clocks among the last frames. When no hop can be that
    quick or that slow the clocks differ, and hops are told above the quickest one."""

    def __init__(self) -> None:
        self._least_before = float("inf")
        self._least = float("inf")
        self._num_frames = 0

    def hop_s(self, *, sent_at_s: float, now_s: float) -> float:
        """Seconds, at least 0. `sent_at_s`: by the sender's clock; `now_s`: by ours."""
        passed_s = now_s - sent_at_s
        self._least = min(self._least, passed_s)
        least = min(self._least, self._least_before)
        self._num_frames += 1
        if self._num_frames == FRAMES_PER_WINDOW:
            self._least_before, self._least, self._num_frames = self._least, float("inf"), 0
        return passed_s if 0 <= least <= SLOWEST_S else passed_s - least
