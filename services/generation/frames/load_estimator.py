"""The cost of a pass and the engine time of a frame for every session, estimated from what passes
took. Pure: callers give the times."""

from dataclasses import dataclass

from services.generation.frames.quality_constants import LoadConstants


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSample:
    """Load of a frame for every session. `cost_s`: seconds of engine work. `passed_s`: wall time
    since the previous sample. `is_all_late`: every frame was expected after its deadline with the
    whole context."""

    cost_s: float
    passed_s: float
    is_all_late: bool = False


class LoadEstimator:
    """Owns the pass times of an engine. A sample covers a frame for each session on average."""

    def __init__(self, constants: LoadConstants) -> None:
        self._constants = constants
        self._pass_s = 0.0  # of any pass
        self._frame_pass_s = 0.0  # of a pass with requested frames, with the whole context
        self._requested_s = self._spare_s = 0.0
        self._num_frames = self._num_late = 0
        self._started_s: float | None = None

    def pass_fits(self, spare_s: float) -> bool:
        """Whether a pass should end within `spare_s`."""
        return self._constants.pass_margin * self._pass_s <= spare_s

    def frame_s(self, num_passes: int) -> float:
        """Seconds until a frame with `num_passes` passes left is ready, with the whole context."""
        return self._constants.frame_margin * num_passes * self._frame_pass_s

    def observe_pass(self, seconds: float, *, is_requested: bool, shortened_share: float) -> None:
        """`is_requested`: the pass computed a requested frame, not only drafts and openings.
        `shortened_share`: share of the frames in flight with a shortened context."""
        self._pass_s = self._smooth(self._pass_s, seconds)
        if not is_requested:
            self._spare_s += seconds
            return
        self._requested_s += seconds
        whole_s = seconds / (1.0 - self._constants.shortening_saves * shortened_share)
        known_s = self._frame_pass_s
        most_s = self._constants.longest_stall * known_s if known_s else whole_s
        self._frame_pass_s = self._smooth(known_s, min(whole_s, most_s))

    def observe_frame(self, *, is_late: bool) -> None:
        """`is_late`: the frame was expected after its deadline with the whole context."""
        self._num_frames += 1
        self._num_late += is_late

    def take_sample(self, num_sessions: int, now: float, *, share_used: float) -> LoadSample | None:
        """The sample that ends now; None while frames are missing. `share_used`: fraction of
        spare-time work that led to shown frames. Other spare-time work is no load."""
        if self._started_s is None:
            self._started_s = now
        if self._num_frames < max(1, num_sessions):
            return None
        work_s = self._requested_s + share_used * self._spare_s
        sample = LoadSample(
            cost_s=work_s * num_sessions / self._num_frames,
            passed_s=now - self._started_s,
            is_all_late=self._num_late == self._num_frames,
        )
        self.restart(now)
        return sample

    def restart(self, now: float) -> None:
        """Begins a new sample, as the number of sessions has changed or the last sample ended."""
        self._requested_s = self._spare_s = 0.0
        self._num_frames, self._num_late, self._started_s = 0, 0, now

    def _smooth(self, before: float, now: float) -> float:
        return now + self._constants.memory * (before - now) if before else now
