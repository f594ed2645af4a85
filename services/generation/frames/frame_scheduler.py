"""The frame scheduler: which frames are requested and drafted, when a pass runs, what is shown.

Every session has a pace of its own. A pass is shared by all frames in flight. Time until the next
frame is requested goes to the prefill of new sessions and to drafts. Knows no threads.
"""

import logging
from collections.abc import Callable, Sequence

from model.action_space import ActionSpace
from model.engine.types import Frame
from services.generation.frames.draft_metrics import DraftMetrics
from services.generation.frames.frame_output import FrameOutput
from services.generation.frames.ports import ActionSource, Engine, LoopEvents
from services.generation.frames.quality_controller import QualityController
from services.generation.frames.session_state import FrameState, SessionState
from services.generation.frames.session_table import Prefill, SessionTable
from services.telemetry import meter

SHORTENED_FRAMES = meter.create_counter(
    "nextframe_hastened_frames", description="frames with a shortened context, to be ready sooner"
)

POLL_S = 0.008  # between two reads of the actions while the next frame may still be drafted

log = logging.getLogger(__name__)


class FrameScheduler:
    """Owns the order of work: what the engine computes for whom, and when the engine rests."""

    def __init__(
        self,
        engine: Engine,
        space: ActionSpace,
        actions: ActionSource,
        quality: QualityController,
        events: LoopEvents,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._actions = actions
        self._quality = quality
        self._events = events
        self._clock = clock
        self.sessions = SessionTable(engine, space, quality, events, clock)
        self.output = FrameOutput(self.sessions, quality, events)
        self._drafts = DraftMetrics()
        self._is_resting = False

    def expect(self, session_id: str, prefill: Prefill) -> None:
        """The engine has admitted the session."""
        self.sessions.expect(session_id, prefill)
        self._is_resting = False

    def step(self) -> None:
        """Requests the frames of this tick, then runs a pass: with requested frames at once,
        without only if the pass ends before the next frame is requested."""
        now = self._clock()
        self._request_frames(now)
        self._request_drafts(now)
        shortened_share = self._shorten_frames(now)
        is_requested = self._engine.has_in_flight
        if not is_requested and not self._quality.pass_fits(self.sessions.wait_s(now)):
            self._is_resting = True
            return
        frames = self._run_pass()
        self._is_resting = frames is None
        ended = self._clock()
        if frames is not None:
            self._quality.observe_pass(
                ended - now, is_requested=is_requested, shortened_share=shortened_share
            )
        self._show(frames or (), ended)
        self.sessions.start_playing(ended)
        self._adapt_quality(ended)

    def _show(self, frames: Sequence[Frame], now: float) -> None:
        order = self.sessions.in_fair_order({frame.session_id for frame in frames})
        for frame in sorted(frames, key=lambda frame: order.index(frame.session_id)):
            self.output.show(frame, now)

    def rest_s(self) -> float | None:
        """Seconds without work; None: until a session is opened."""
        if not self._is_resting:
            return 0.0
        if not self.sessions.playing:
            return None
        spare_s = self.sessions.wait_s(self._clock())
        return min(POLL_S, spare_s) if self._may_draft(spare_s) else spare_s

    def _request_frames(self, now: float) -> None:
        due = [item for item in self.sessions.playing.items() if item[1].needs_frame(now)]
        if due:
            self.sessions.receive(self._actions.read(), now)
        self._for_each(due, lambda session_id, session: self._request(session_id, session, now))
        self.sessions.in_fair_order([name for name, session in due if session.requested is None])

    def _request(self, session_id: str, session: SessionState, now: float) -> None:
        """Shows the frame at once if a draft of the frame is ready."""
        level = self._quality.level
        frame = self._engine.begin(session_id, session.request(now, level))
        if frame is not None:
            self.output.show(frame, self._clock())
        elif (
            level.drafts_jointly
            and session.may_draft_jointly
            and self._engine.draft_jointly(session_id)
        ):
            session.note_joint_draft()

    def _may_draft(self, spare_s: float) -> bool:
        return (
            self._quality.level.drafts
            and self._quality.pass_fits(spare_s)
            and any(session.may_draft for session in self.sessions.playing.values())
        )

    def _request_drafts(self, now: float) -> None:
        """One at a time for each session without a requested frame, the likeliest action first."""
        if self._may_draft(self.sessions.wait_s(now)):
            self.sessions.receive(self._actions.read(), now)
            self._for_each(list(self.sessions.playing.items()), self._draft)

    def _draft(self, session_id: str, session: SessionState) -> None:
        if not session.may_draft or self._engine.is_drafting(session_id):
            return
        if (draft := session.next_draft(self._quality.level)) is not None:
            self._engine.draft(session_id, draft)

    def _shorten_frames(self, now: float) -> float:
        """Shortens the context of frames under deadline pressure. Returns the share of the
        requested frames that are shortened."""
        length = self._quality.level.shortened_length
        waiting = [item for item in self.sessions.playing.items() if item[1].requested]
        if length is None or not waiting:
            return 0.0
        self._for_each(waiting, lambda name, session: self._shorten(name, session, length, now))
        num_shortened = sum(s.frame_state is FrameState.SHORTENED for _, s in waiting)
        return num_shortened / len(waiting)

    def _shorten(self, session_id: str, session: SessionState, length: int, now: float) -> None:
        """Only if the quality controller expects the frame too late."""
        num_passes = self._engine.steps_left(session_id)
        outlook = self._quality.outlook(session.timing, num_passes=num_passes, now=now)
        if not session.should_shorten(outlook):
            return
        if self._engine.shorten_context(session_id, context_length=length):
            session.note_shortened()
            SHORTENED_FRAMES.add(1)

    def _for_each(
        self,
        sessions: Sequence[tuple[str, SessionState]],
        act: Callable[[str, SessionState], None],
    ) -> None:
        """An error fails the session of the error; the others go on."""
        for session_id, session in sessions:
            try:
                act(session_id, session)
            except Exception as error:
                self.sessions.fail(session_id, error)

    def _run_pass(self) -> Sequence[Frame] | None:
        """None: the engine had nothing to compute."""
        try:
            return self._engine.advance()
        except Exception:  # any error of one session, which must not end the others
            log.exception("pass failed, trying each session alone")
        frames: list[Frame] = []
        for session_id in [*self.sessions.playing, *self.sessions.in_prefill]:
            try:
                frames += self._engine.advance((session_id,)) or ()
            except Exception as error:
                self.sessions.fail(session_id, error)
        return frames

    def _adapt_quality(self, now: float) -> None:
        speculation = self._engine.speculation
        num_sessions = len(self.sessions.playing)
        share_used = self._drafts.share_used(speculation)
        sample = self._quality.take_sample(num_sessions, now, share_used=share_used)
        if sample is None:
            return
        self._drafts.count(speculation)
        change = self._quality.decide(sample)
        if change is None:
            return
        for session in self.sessions.playing.values():
            session.pacer.set_fps(change.after.fps)
        log.info("quality level changed", extra={"level_now": change.after.number})
        if change.is_visible:
            self._events.level_changed(change.after.number)
