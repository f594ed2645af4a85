"""What passes cost, and what a frame for everybody costs. Pure; times are given."""

from dataclasses import dataclass

_MEMORY = 0.8
_MARGIN = 1.2  # a pass may take longer than the last ones
_FRAME_MARGIN = 1.15  # the same for a frame: its passes are several, but its time is all there is
_HASTE_SHARE = 0.85  # of the time of a pass that one in haste takes, by measurement or more


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A frame for everybody: the seconds of work in it, and how long it took in all. `is_pressed`:
    none of its frames would have been in time had it not been hastened."""

    cost_s: float
    passed_s: float
    is_pressed: bool = False


class Workload:
    """Owns the account of one engine's time. A round is as many frames as there are sessions."""

    def __init__(self) -> None:
        self._pass_s = 0.0
        self._frame_pass_s = 0.0  # of one that somebody waited for and nobody was in haste
        self._due_s = self._spare_s = 0.0
        self._num_frames = self._num_pressed = 0
        self._begun_s: float | None = None

    def fits(self, spare_s: float) -> bool:
        """A pass would be over by then."""
        return _MARGIN * self._pass_s <= spare_s

    def frame_s(self, num_passes: int) -> float:
        """Until a frame with so many passes left is there, if it is not hastened."""
        return _FRAME_MARGIN * num_passes * self._frame_pass_s

    def note_pass(self, seconds: float, *, is_due: bool, is_hasty: bool = False) -> None:
        """`is_due`: somebody waited for it. `is_hasty`: some see less in it than they should."""
        self._pass_s = _smooth(self._pass_s, seconds)
        if not is_due:
            self._spare_s += seconds
            return
        self._due_s += seconds
        whole_s = seconds / _HASTE_SHARE if is_hasty else seconds
        self._frame_pass_s = _smooth(self._frame_pass_s, whole_s)

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

    def forget_frames(self) -> None:
        """How long they take is to be learned anew: they are drawn otherwise now."""
        self._frame_pass_s = 0.0

    def restart(self, now: float) -> None:
        """A round begins: the house has changed."""
        self._due_s = self._spare_s = 0.0
        self._num_frames, self._num_pressed, self._begun_s = 0, 0, now


def _smooth(before: float, now: float) -> float:
    return now + _MEMORY * (before - now) if before else now
