"""State of a session in the frame scheduler: input, pace, and the state of the next frame.

Plain state; knows neither engine nor events.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto

from model.action_space import ActionSpace
from model.engine.types import ActionVector, FrameRequest
from services.generation.frames.action_buffer import ActionBuffer
from services.generation.frames.action_predictor import MAX_DRAFT_ACTIONS, ActionPredictor
from services.generation.frames.pacer import Pacer
from services.generation.frames.quality_controller import FrameTiming, Outlook
from services.generation.frames.quality_levels import QualityLevel
from services.wire.action import FrameAction


class FrameState(Enum):
    """Of a session's next frame.

    IDLE -> DRAFTED: spare time is used for a draft. IDLE, DRAFTED -> IN_FLIGHT: the frame is
    requested. IN_FLIGHT -> SHORTENED: the rest of the frame sees a shortened context. IN_FLIGHT,
    SHORTENED -> IDLE, or DRAFTED with a joint draft of the following frame: the frame is shown.
    """

    IDLE = auto()
    DRAFTED = auto()
    IN_FLIGHT = auto()
    SHORTENED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedFrame:
    """`request`: as given to the engine; its deadline is when the following frame is requested.
    `action_seq`: newest action of the frame, which waited `queue_s` seconds."""

    request: FrameRequest
    action_seq: int
    queue_s: float


class SessionState:
    """Owns a session's input, pace and frame state."""

    def __init__(self, space: ActionSpace, *, now: float, fps: float, last_seq: int) -> None:
        self._space = space
        self.actions = ActionBuffer(now, last_seq)
        self.pacer = Pacer(fps, now)
        self.predictor = ActionPredictor()
        self.frame_state = FrameState.IDLE
        self.requested: RequestedFrame | None = None  # while IN_FLIGHT or SHORTENED
        self.is_expected_late = False  # the outlook of the newest requested frame was LATE
        self.shown_seq = last_seq  # newest action that a shown frame has seen
        self._draft_actions: list[ActionVector] = []  # of the next frame that is not requested yet
        self._held = 0  # buttons held when the newest frame was requested
        self._shown_s = math.inf  # when the last frame was shown

    def needs_frame(self, now: float) -> bool:
        """The next frame is to be requested. Ticks during a late frame are dropped."""
        return self.requested is None and self.pacer.next_tick_s <= now

    @property
    def may_draft(self) -> bool:
        """No frame is requested, and another draft of the next frame is allowed."""
        return self.requested is None and len(self._draft_actions) < MAX_DRAFT_ACTIONS

    @property
    def may_draft_jointly(self) -> bool:
        """The requested action is the likeliest action of the following frame, too."""
        likeliest = self.predictor.draft_actions[:1]
        return self.requested is not None and likeliest == (self.requested.request.action,)

    @property
    def timing(self) -> FrameTiming:
        """Of the requested frame."""
        assert self.requested is not None, "no frame is requested"
        return FrameTiming(
            deadline_s=self.requested.request.deadline_s,
            shown_s=self._shown_s,
            period_s=self.pacer.period_s,
        )

    def next_draft(self, level: QualityLevel) -> FrameRequest | None:
        """The next frame under another likely action; None when the rest is too unlikely. Changed
        buttons come first, unless the mouse is moving."""
        action = self.actions.peek()
        has_changed = action.held != self._held or action.pressed != 0
        is_known = has_changed and action.dx == action.dy == 0
        known = (self._vector(action),) if is_known else ()
        for vector in known + self.predictor.draft_actions:
            if vector not in self._draft_actions:
                self._draft_actions.append(vector)
                self.frame_state = FrameState.DRAFTED
                return self._request(vector, level)
        return None

    def request(self, now: float, level: QualityLevel) -> FrameRequest:
        """The next frame, under the actions since the last frame."""
        self._draft_actions = []
        self.pacer.tick(now)
        queue_s = self.actions.queue_s(now)
        action = self.actions.take(now)
        self._held = action.held
        vector = self._vector(action)
        self.predictor.observe(vector, self._space.vector(action.held, 0, 0))
        self.is_expected_late = False
        self.frame_state = FrameState.IN_FLIGHT
        request = self._request(vector, level)
        self.requested = RequestedFrame(request=request, action_seq=action.seq, queue_s=queue_s)
        return request

    def note_joint_draft(self) -> None:
        """The frame after the requested frame is drafted along, under the same action."""
        assert self.requested is not None, "a joint draft beside no frame"
        self._draft_actions.append(self.requested.request.action)

    def should_shorten(self, outlook: Outlook) -> bool:
        """A late frame should be shortened. An uneven frame only without a joint draft, which
        shortening would discard."""
        self.is_expected_late = self.is_expected_late or outlook is Outlook.LATE
        is_uneven_alone = outlook is Outlook.UNEVEN and not self._draft_actions
        is_shortened = self.frame_state is FrameState.SHORTENED
        return not is_shortened and (self.is_expected_late or is_uneven_alone)

    def note_shortened(self) -> None:
        """The rest of the requested frame sees a shortened context; a joint draft is discarded."""
        self.frame_state = FrameState.SHORTENED
        self._draft_actions = []

    def show(self, now: float) -> RequestedFrame:
        """The requested frame is ready."""
        assert self.requested is not None, "a frame that was not requested"
        shown, self.requested = self.requested, None
        self.frame_state = FrameState.DRAFTED if self._draft_actions else FrameState.IDLE
        self._shown_s = now
        self.shown_seq = shown.action_seq
        return shown

    def _request(self, action: ActionVector, level: QualityLevel) -> FrameRequest:
        return FrameRequest(
            action=action,
            num_steps=level.steps,
            context_length=level.context_length,
            deadline_s=self.pacer.next_tick_s,
        )

    def _vector(self, action: FrameAction) -> ActionVector:
        return self._space.vector(action.held, action.pressed, action.dx, action.dy)
