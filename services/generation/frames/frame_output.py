"""The way of a finished frame out of the engine: checked, counted, handed to `LoopEvents`."""

from model.engine.types import Frame
from services.generation.frames.ports import BrokenFrameError, GeneratedFrame, LoopEvents
from services.generation.frames.quality_controller import QualityController
from services.generation.frames.session_table import SessionTable
from services.telemetry import meter

FRAMES = meter.create_counter("nextframe_frames", description="shown frames, by quality level")
LATE_FRAMES = meter.create_counter(
    "nextframe_late_frames", description="frames that were not ready when the next one was due"
)
BROKEN_FRAMES = meter.create_counter(
    "nextframe_broken_frames", description="frames with NaN or infinite latents; none is shown"
)


class FrameOutput:
    """Shows frames of the sessions in `sessions`. Owns the counts `num_shown` and `num_late`, which
    only grow and may be read from any thread."""

    def __init__(
        self, sessions: SessionTable, quality: QualityController, events: LoopEvents
    ) -> None:
        self._sessions = sessions
        self._quality = quality
        self._events = events
        self.num_shown = self.num_late = 0

    def show(self, frame: Frame, now: float) -> None:
        """An error fails the session of the frame; nothing is raised."""
        try:
            self._show(frame, now)
        except Exception as error:
            self._sessions.fail(frame.session_id, error)

    def _show(self, frame: Frame, now: float) -> None:
        if not frame.is_finite:
            BROKEN_FRAMES.add(1)
            raise BrokenFrameError(f"frame {frame.frame_idx} has latents that are not finite")
        session, level = self._sessions.playing[frame.session_id], self._quality.level
        shown = session.show(now)
        self._events.generated(
            GeneratedFrame(
                frame=frame,
                action_seq=shown.action_seq,
                queue_s=shown.queue_s,
                level=level.number,
                fps=level.fps,
            )
        )
        self._quality.observe_frame(is_late=session.is_expected_late)
        FRAMES.add(1, {"level": level.number})
        self.num_shown += 1
        if now > shown.request.deadline_s:
            self.num_late += 1
            LATE_FRAMES.add(1)
