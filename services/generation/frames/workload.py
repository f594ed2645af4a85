"""What passes cost, and what a frame for everybody costs. Pure; times are given."""

from dataclasses import dataclass

_MEMORY = 0.8
_MARGIN = 1.2  # a pass may take longer than the last ones
_FRAME_MARGIN = 1.15  # the same for a frame: its passes are several, but its time is all there is
_HASTE_SAVES = 0.15  # of a pass whose frames are all in haste, as measured in int8
_LONGEST_STALL = 1.5  # passes: longer ones say no more of those to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A frame for everybody: the seconds of work in it, and how long it took in all. `is_pressed`:
    all of its frames were expected to be late, had they not been hastened."""

    cost_s: float
    passed_s: float
    is_pressed: bool = False


class Workload:
    """Owns the account of one engine's time. A round is as many frames as there are sessions."""

    def __init__(self) -> None:
        self._pass_s = 0.0
        self._frame_pass_s = 0.0  # of one that somebody waits for, if nobody is in haste
        self._due_s = self._spare_s = 0.0
        self._num_frames = self._num_pressed = 0
        self._begun_s: float | None = None

    def fits(self, spare_s: float) -> bool:
        """A pass would be over by then."""
        return _MARGIN * self._pass_s <= spare_s

    def frame_s(self, num_passes: int) -> float:
        """Until a frame with so many passes left is there, if it is not hastened."""
        return _FRAME_MARGIN * num_passes * self._frame_pass_s

    def note_pass(self, seconds: float, *, is_due: bool, hasty_share: float = 0.0) -> None:
        """`is_due`: somebody waited for it, `hasty_share` of them in haste."""
        self._pass_s = _smooth(self._pass_s, seconds)
        if not is_due:
            self._spare_s += seconds
            return
        self._due_s += seconds
        whole_s = seconds / (1.0 - _HASTE_SAVES * hasty_share)
        most_s = _LONGEST_STALL * self._frame_pass_s if self._frame_pass_s else whole_s
        self._frame_pass_s = _smooth(self._frame_pass_s, min(whole_s, most_s))

    def note_frame(self, *, is_pressed: bool = False) -> None:
        self._num_frames += 1
        self._num_pressed += is_pressed

    def take_round(self, num_sessions: int, now: float, *, share_used: float) -> Round | None:
        """The round that has just ended; None while it lasts. `share_used` of what was done in
        spare time came to something: the rest costs nobody anything."""
        if self._begun_s is None:
            self._begun_s = now
        if self._num_frames < max(1, num_sessions):
            return None
        cost_s = (self._due_s + share_used * self._spare_s) * num_sessions / self._num_frames
        passed_s, is_pressed = now - self._begun_s, self._num_pressed == self._num_frames
        self.restart(now)
        return Round(cost_s=cost_s, passed_s=passed_s, is_pressed=is_pressed)

    def restart(self, now: float) -> None:
        """A round begins: the house has changed."""
        self._due_s = self._spare_s = 0.0
        self._num_frames, self._num_pressed, self._begun_s = 0, 0, now


def _smooth(before: float, now: float) -> float:
    return now + _MEMORY * (before - now) if before else now
