"""What passes cost, and what a frame for everybody costs. Pure; times are given."""

from dataclasses import dataclass

_MEMORY = 0.8
_MARGIN = 1.2  # a pass may take longer than the last ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A frame for everybody: the seconds of work in it, and how long it took in all."""

    cost_s: float
    passed_s: float


class Workload:
    """Owns the account of one engine's time. A round is as many frames as there are sessions."""

    def __init__(self) -> None:
        self._pass_s = 0.0
        self._due_s = self._spare_s = 0.0
        self._num_frames = 0
        self._begun_s: float | None = None

    def fits(self, spare_s: float) -> bool:
        """A pass would be over by then."""
        return _MARGIN * self._pass_s <= spare_s

    def note_pass(self, seconds: float, *, is_due: bool) -> None:
        """`is_due`: somebody waited for it."""
        self._pass_s = seconds + _MEMORY * (self._pass_s - seconds) if self._pass_s else seconds
        if is_due:
            self._due_s += seconds
        else:
            self._spare_s += seconds

    def note_frame(self) -> None:
        self._num_frames += 1

    def take_round(self, num_sessions: int, now: float, *, share_used: float) -> Round | None:
        """The round that has just ended; None while it lasts. `share_used` of what was done in
        spare time came to something: the rest costs nobody anything."""
        if self._begun_s is None:
            self._begun_s = now
        if self._num_frames < max(1, num_sessions):
            return None
        cost_s = (self._due_s + share_used * self._spare_s) * num_sessions / self._num_frames
        passed_s = now - self._begun_s
        self.restart(now)
        return Round(cost_s=cost_s, passed_s=passed_s)

    def restart(self, now: float) -> None:
        """A round begins: the house has changed."""
        self._due_s = self._spare_s = 0.0
        self._num_frames, self._begun_s = 0, now
