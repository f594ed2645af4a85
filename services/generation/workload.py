"""What passes cost, and what a frame for everybody costs. Pure; times are given."""

_MEMORY = 0.8
_MARGIN = 1.2  # a pass may take longer than the last ones


class Workload:
    """Owns the account of one engine's time. A round is as many frames as there are sessions."""

    def __init__(self) -> None:
        self._pass_s = 0.0
        self._busy_s = 0.0
        self._num_frames = 0
        self._begun_s: float | None = None

    def fits(self, spare_s: float) -> bool:
        """A pass would be over by then."""
        return _MARGIN * self._pass_s <= spare_s

    def note_pass(self, seconds: float, *, is_work: bool) -> None:
        """`is_work`: it was a frame's, not one that only tidied up."""
        self._pass_s = seconds + _MEMORY * (self._pass_s - seconds) if self._pass_s else seconds
        if is_work:
            self._busy_s += seconds

    def note_frame(self) -> None:
        self._num_frames += 1

    def take_round(self, num_sessions: int, now: float) -> tuple[float, float] | None:
        """Seconds of work in the round that has just ended, and how long it took in all; None
        while it lasts."""
        if self._begun_s is None:
            self._begun_s = now
        if self._num_frames < max(1, num_sessions):
            return None
        scale = num_sessions / self._num_frames
        cost_s, passed_s = self._busy_s * scale, now - self._begun_s
        self.restart(now)
        return cost_s, passed_s

    def restart(self, now: float) -> None:
        """A round begins: the house has changed."""
        self._busy_s, self._num_frames, self._begun_s = 0.0, 0, now
