"""What the frame loop does between two commands: begin what is due, run a pass, show its frames.

Every session has a pace of its own. A pass is shared by all frames on their way; what time is left
before the next is due goes to newcomers' opening frames and to drafts. Knows no threads.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.action_space import ActionSpace
from model.engine.speculation import Speculation, SpeculationCounts
from model.engine.types import Frame
from services.generation.frames.ladder import Ladder
from services.generation.frames.played_session import PlayedSession
from services.generation.frames.ports import (
    Actions,
    BrokenFrameError,
    DrawingError,
    DreamtFrame,
    Engine,
    LoopEvents,
)
from services.generation.frames.workload import Workload
from services.telemetry import meter

FRAMES = meter.create_counter("nextframe_frames", description="frames dreamt, by ladder level")
LATE_FRAMES = meter.create_counter(
    "nextframe_late_frames", description="frames that were not ready when the next one was due"
)
HASTENED_FRAMES = meter.create_counter(
    "nextframe_hastened_frames", description="frames that saw less, so as to be ready sooner"
)
DRAFTS = meter.create_counter(
    "nextframe_drafts", description="frames begun early, by kind and outcome"
)
DRAFT_TIME = meter.create_counter(
    "nextframe_draft_time", unit="s", description="engine time of drafts, by kind and outcome"
)
BAD_ACTIONS = meter.create_counter("nextframe_bad_actions", description="messages that are none")
BROKEN_FRAMES = meter.create_counter(
    "nextframe_broken_frames", description="frames with NaN or infinite latents; none is shown"
)

LOOK_S = 0.008  # between two looks at hands whose next frame may still be drafted
AWAY_S = 3.0  # nobody has played for so long: the next player starts at full quality

log = logging.getLogger(__name__)

Opened = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A session whose opening frames are being encoded; `opened` hears that they are, or why not.
    `last_seq`: the newest action its world has seen."""

    opened: Opened
    last_seq: int


class Turns:
    """Owns the sessions that are played and what the engine does for them."""

    def __init__(
        self,
        engine: Engine,
        space: ActionSpace,
        actions: Actions,
        ladder: Ladder,
        events: LoopEvents,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._space = space
        self._actions = actions
        self._ladder = ladder
        self._events = events
        self._clock = clock
        self._workload = Workload()
        self._newcomers: dict[str, Newcomer] = {}
        self._played: dict[str, PlayedSession] = {}
        self._is_resting = False
        self._told = Speculation()
        self._left_s = -math.inf  # when the last player did

    @property
    def is_played(self) -> bool:
        """Any thread may ask."""
        return bool(self._played)

    def rest_s(self) -> float | None:
        """For how long there is nothing to do; None: until somebody comes."""
        if not self._is_resting:
            return 0.0
        if not self._played:
            return None
        until_due_s = self._until_due_s(self._clock())
        return min(LOOK_S, until_due_s) if self._may_draft(until_due_s) else until_due_s

    def turn(self) -> None:
        """Begins what is due, then one pass if somebody waits for it or it makes nobody wait."""
        now = self._clock()
        self._begin_due(now)
        self._begin_drafts(now)
        hasty_share = self._hasten_late(now)
        is_due = self._engine.is_due
        if not is_due and not self._workload.fits(self._until_due_s(now)):
            self._is_resting = True
            return
        frames = self._advance()
        self._is_resting = frames is None
        ended = self._clock()
        if frames is not None:
            self._workload.note_pass(ended - now, is_due=is_due, hasty_share=hasty_share)
        for frame in frames or ():
            self._show(frame, ended)
        self._seat_newcomers(ended)
        self._follow_load(ended)

    def expect(self, session_id: str, newcomer: Newcomer) -> None:
        """The engine has admitted the session."""
        self._newcomers[session_id] = newcomer
        self._is_resting = False

    def shown_seq(self, session_id: str) -> int:
        """Newest action that the session's newest frame has seen. KeyError: not played."""
        return self._played[session_id].shown_seq

    def close(self, session_id: str) -> None:
        """Nothing happens for a session that is not here."""
        newcomer = self._newcomers.pop(session_id, None)
        if newcomer is None and self._played.pop(session_id, None) is None:
            return
        self._engine.close(session_id)
        if newcomer is not None:
            newcomer.opened(RuntimeError(f"session {session_id!r} was closed while it opened"))
        self._note_leaving()

    def _note_leaving(self) -> None:
        self._left_s = self._clock()
        self._workload.restart(self._left_s)

    def _begin_due(self, now: float) -> None:
        due = [session for session in self._played.items() if session[1].is_due(now)]
        if due:
            self._read_actions(now)
        for session_id, played in due:
            try:
                frame = self._begin(session_id, played, now)
            except Exception as error:
                self._fail(session_id, error)
                continue
            if frame is not None:
                self._show(frame, self._clock())

    def _begin(self, session_id: str, played: PlayedSession, now: float) -> Frame | None:
        """The frame, if it was drafted."""
        begun, rung = played.begin(now), self._ladder.rung
        frame = self._engine.begin(
            session_id,
            begun.vector,
            num_steps=rung.steps,
            memory=rung.memory,
            deadline_s=begun.deadline_s,
        )
        goes_on = frame is None and rung.draws_jointly and played.may_go_on
        if goes_on and self._engine.draft_jointly(session_id):
            played.note_going_on()
        return frame

    def _hasten_late(self, now: float) -> float:
        """Who is expected to be late, or to leave a gap that shows, sees less for the rest of the
        frame. Returns the share of those who wait that do."""
        haste = self._ladder.rung.haste
        waiting = [(s, played) for s, played in self._played.items() if played.waits_for]
        if haste is None or not waiting:
            return 0.0
        for session_id, played in waiting:
            try:
                self._hasten(session_id, played, now, memory=haste)
            except Exception as error:
                self._fail(session_id, error)
        return sum(played.is_hasty for _, played in waiting) / len(waiting)

    def _hasten(self, session_id: str, played: PlayedSession, now: float, *, memory: int) -> None:
        left_s = self._workload.frame_s(self._engine.steps_left(session_id))
        played.expect(now + left_s)
        if played.needs_haste and self._engine.hasten(session_id, memory=memory):
            played.note_haste()
            HASTENED_FRAMES.add(1)

    def _read_actions(self, now: float) -> None:
        for action in self._actions.read():
            played = self._played.get(action.session_id)
            if played is None:
                continue  # of a session that has just left
            try:
                played.hands.add(action.message, now, age_s=action.age_s)
            except Exception:  # whatever it is, the hands stay as they were
                BAD_ACTIONS.add(1)

    def _may_draft(self, spare_s: float) -> bool:
        return (
            self._ladder.rung.speculates
            and self._workload.fits(spare_s)
            and any(played.may_guess for played in self._played.values())
        )

    def _begin_drafts(self, now: float) -> None:
        """Of who waits for nothing: one after the other, the likeliest first."""
        if not self._may_draft(self._until_due_s(now)):
            return
        self._read_actions(now)
        for session_id, played in list(self._played.items()):
            try:
                self._draft(session_id, played)
            except Exception as error:
                self._fail(session_id, error)

    def _draft(self, session_id: str, played: PlayedSession) -> None:
        if not played.may_guess or self._engine.is_drafting(session_id):
            return
        if (guess := played.next_guess()) is not None:
            self._engine.draft(
                session_id,
                guess,
                num_steps=self._ladder.rung.steps,
                memory=self._ladder.rung.memory,
                deadline_s=played.pacer.due_s,
            )

    def _advance(self) -> Sequence[Frame] | None:
        try:
            return self._engine.advance()
        except Exception:  # whatever it is, it must not take the other sessions along
            log.exception("pass failed, trying each session alone")
        alone = [*self._played, *self._newcomers]
        return [frame for session_id in alone for frame in self._advance_alone(session_id)]

    def _advance_alone(self, session_id: str) -> Sequence[Frame]:
        try:
            return self._engine.advance((session_id,)) or ()
        except Exception as error:
            self._fail(session_id, error)
            return ()

    def _fail(self, session_id: str, error: Exception) -> None:
        newcomer = self._newcomers.pop(session_id, None)
        self._played.pop(session_id, None)
        try:
            self._engine.close(session_id)
        except Exception as fault:
            self._events.faulted(fault)
        self._note_leaving()
        if newcomer is None:
            self._events.failed(session_id, error)
        else:
            failure = DrawingError(f"its opening frames cannot be encoded: {error}")
            failure.__cause__ = error
            newcomer.opened(failure)

    def _show(self, frame: Frame, now: float) -> None:
        try:
            self._show_finite(frame, now)
        except Exception as error:
            self._fail(frame.session_id, error)

    def _show_finite(self, frame: Frame, now: float) -> None:
        if not frame.is_finite:
            BROKEN_FRAMES.add(1)
            raise BrokenFrameError(f"frame {frame.frame_idx} has latents that are not finite")
        played, rung = self._played[frame.session_id], self._ladder.rung
        begun = played.finish(now)
        self._events.dreamt(
            DreamtFrame(
                frame=frame,
                action_seq=begun.action_seq,
                queue_s=begun.queue_s,
                level=rung.level,
                fps=rung.fps,
            )
        )
        self._workload.note_frame(is_pressed=played.is_pressed)
        FRAMES.add(1, {"level": rung.level})
        if now > begun.deadline_s:
            LATE_FRAMES.add(1)

    def _seat_newcomers(self, now: float) -> None:
        opened = [s for s in self._newcomers if not self._engine.is_opening(s)]
        for session_id in opened:
            newcomer = self._newcomers.pop(session_id)
            if not self._played and now - self._left_s > AWAY_S:
                self._ladder.reset()
            # On the others' tick: frames that are due together share their passes.
            first_due_s = min((p.pacer.due_s for p in self._played.values()), default=now)
            self._played[session_id] = PlayedSession(
                self._space, now=first_due_s, fps=self._ladder.rung.fps, last_seq=newcomer.last_seq
            )
            self._workload.restart(now)
            newcomer.opened(None)

    def _follow_load(self, now: float) -> None:
        speculation = self._engine.speculation
        counts, told = speculation.exact, self._told.exact  # joint ones took no spare time
        num_accepted = counts.accepted - told.accepted
        num_settled = num_accepted + counts.discarded - told.discarded
        share_used = num_accepted / num_settled if num_settled else 0.0
        ended = self._workload.take_round(len(self._played), now, share_used=share_used)
        if ended is None:
            return
        _count_drafts("exact", told, counts)
        _count_drafts("joint", self._told.joint, speculation.joint)
        self._told = speculation
        level = self._ladder.rung.level
        if not self._ladder.observe(ended.cost_s, ended.passed_s, is_pressed=ended.is_pressed):
            return
        for played in self._played.values():
            played.pacer.set_fps(self._ladder.rung.fps)
        log.info("overload ladder moved", extra={"level_now": self._ladder.rung.level})
        if level != self._ladder.rung.level:
            self._events.level_changed(self._ladder.rung.level)

    def _until_due_s(self, now: float) -> float:
        return min((p.pacer.wait_s(now) for p in self._played.values()), default=math.inf)


def _count_drafts(kind: str, told: SpeculationCounts, counts: SpeculationCounts) -> None:
    accepted = {"kind": kind, "outcome": "accepted"}
    discarded = {"kind": kind, "outcome": "discarded"}
    DRAFTS.add(counts.accepted - told.accepted, accepted)
    DRAFTS.add(counts.discarded - told.discarded, discarded)
    DRAFT_TIME.add(counts.saved_s - told.saved_s, accepted)
    DRAFT_TIME.add(counts.wasted_s - told.wasted_s, discarded)
