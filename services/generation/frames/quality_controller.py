"""The quality controller: observes passes and frames, and decides how sessions are served.

Three decisions: the quality level of all sessions, whether a frame in flight goes on with a
shortened context, and whether spare time is long enough for one more pass. Knows neither engine nor
sessions, and reads no clock.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from services.generation.frames.level_selector import LevelSelector
from services.generation.frames.load_estimator import LoadEstimator, LoadSample
from services.generation.frames.quality_constants import LevelConstants, LoadConstants
from services.generation.frames.quality_levels import QualityLevel


class Outlook(Enum):
    """When a frame in flight should be ready with the whole context."""

    IN_TIME = auto()
    UNEVEN = auto()  # before the deadline, but long enough after the last frame to stutter
    LATE = auto()  # after the deadline


class FrameTiming(NamedTuple):
    """Times of a frame in flight, in seconds. `shown_s`: when the session's last frame was shown,
    infinite before the first. A tuple, because every pass makes a timing for every frame."""

    deadline_s: float
    shown_s: float
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    """All sessions go from one level to another."""

    before: QualityLevel
    after: QualityLevel

    @property
    def is_visible(self) -> bool:
        """Players are told. False where only drafts begin or end."""
        return self.before.number != self.after.number


class QualityController:
    """Owns the quality level of one replica. Used by the frame loop's thread; `level` and
    `refuses_sessions` may be read from any thread."""

    def __init__(self, levels: tuple[QualityLevel, ...]) -> None:
        self._constants = LoadConstants()
        self._load = LoadEstimator(self._constants)
        self._selector = LevelSelector(levels, LevelConstants())

    @property
    def level(self) -> QualityLevel:
        """How every session is served now."""
        return self._selector.level

    @property
    def refuses_sessions(self) -> bool:
        """The lowest level is overloaded, too: another session would make every frame late."""
        return self._selector.is_exhausted

    def pass_fits(self, spare_s: float) -> bool:
        """Whether one more pass should end within `spare_s`."""
        return self._load.pass_fits(spare_s)

    def outlook(self, timing: FrameTiming, *, num_passes: int, now: float) -> Outlook:
        """Of a frame in flight with `num_passes` passes left."""
        ready_s = now + self._load.frame_s(num_passes)
        if ready_s > timing.deadline_s:
            return Outlook.LATE
        longest_gap_s = self._constants.longest_gap * timing.period_s
        return Outlook.UNEVEN if ready_s > timing.shown_s + longest_gap_s else Outlook.IN_TIME

    def observe_pass(self, seconds: float, *, is_requested: bool, shortened_share: float) -> None:
        """`is_requested`: the pass computed a requested frame, not only drafts and openings.
        `shortened_share`: share of the frames in flight with a shortened context."""
        self._load.observe_pass(seconds, is_requested=is_requested, shortened_share=shortened_share)

    def observe_frame(self, *, is_late: bool) -> None:
        """`is_late`: the outlook of the frame was LATE at some time."""
        self._load.observe_frame(is_late=is_late)

    def take_sample(self, num_sessions: int, now: float, *, share_used: float) -> LoadSample | None:
        """The load of the last frame of every session; None while frames are missing.
        `share_used`: fraction of spare-time work that led to shown frames."""
        return self._load.take_sample(num_sessions, now, share_used=share_used)

    def decide(self, sample: LoadSample) -> LevelChange | None:
        """None: every session is served as before."""
        before = self.level
        has_changed = self._selector.observe(sample)
        return LevelChange(before=before, after=self.level) if has_changed else None

    def note_sessions_changed(self, now: float) -> None:
        """A session has come or gone: the running sample would mix two loads."""
        self._load.restart(now)

    def reset(self) -> None:
        """Back to full quality: nobody plays."""
        self._selector.reset()
