"""One session as the frame loop plays it. Plain state; knows neither engine nor events."""

import math
from dataclasses import dataclass

from model.action_space import ActionSpace
from model.engine.types import ActionVector
from services.generation.frames.forecast import MAX_GUESSES, Forecast
from services.generation.frames.hands import Hands
from services.generation.frames.pacer import Pacer
from services.wire.action import FrameAction

LONGEST_GAP = 1.4  # periods between two frames, their way not counted: more is seen as a stutter


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunFrame:
    """A frame that was asked of the engine. `action_seq`: the newest action it sees, which had
    waited `queue_s`."""

    vector: ActionVector
    action_seq: int
    queue_s: float
    deadline_s: float


class PlayedSession:
    """Owns a session's hands, its pace and the frame it waits for."""

    def __init__(self, space: ActionSpace, *, now: float, fps: float, last_seq: int) -> None:
        self._space = space
        self.hands = Hands(now, last_seq)
        self.pacer = Pacer(fps, now)
        self.forecast = Forecast()
        self._guessed: list[ActionVector] = []  # for the next frame
        self._held = 0  # when the last frame began
        self.waits_for: BegunFrame | None = None
        self.is_hasty = False  # it sees less, so as to be ready sooner
        self.is_pressed = False  # unhastened it was expected after the next one is due
        self._is_uneven = False  # or so long after the last one that the gap would show
        self._shown_s = math.inf  # when the last frame was
        self.shown_seq = last_seq  # newest action that a finished frame has seen

    def is_due(self, now: float) -> bool:
        """Its next frame is to be begun. While one is on its way ticks pass unused: late frames
        are left out, not made up for."""
        return self.waits_for is None and self.pacer.wait_s(now) == 0.0

    @property
    def may_guess(self) -> bool:
        """It waits for nothing, and another draft of its next frame may be made."""
        return self.waits_for is None and len(self._guessed) < MAX_GUESSES

    @property
    def may_go_on(self) -> bool:
        """The action of the frame it waits for is the likeliest for the one after it, too."""
        return self.waits_for is not None and self.forecast.guesses[:1] == (self.waits_for.vector,)

    def note_going_on(self) -> None:
        """The frame after it is drafted under the same action."""
        assert self.waits_for is not None, "going on after nothing"
        self._guessed.append(self.waits_for.vector)

    def next_guess(self) -> ActionVector | None:
        """Another action that the next frame may have; None when the rest is too unlikely. Keys
        that changed since the last frame come first, unless the mouse is on the move."""
        done = self.hands.peek()
        has_changed = done.held != self._held or done.pressed != 0
        is_known = has_changed and done.dx == done.dy == 0
        for guess in ((self._vector(done),) if is_known else ()) + self.forecast.guesses:
            if guess not in self._guessed:
                self._guessed.append(guess)
                return guess
        return None

    def begin(self, now: float) -> BegunFrame:
        """Takes what the hands did for the frame that is due."""
        self._guessed = []
        self.pacer.tick(now)
        queue_s = self.hands.queue_s(now)
        action = self.hands.take(now)
        self._held = action.held
        vector = self._vector(action)
        self.forecast.observe(vector, self._space.vector(action.held, 0, 0))
        self.is_hasty = self.is_pressed = self._is_uneven = False
        self.waits_for = BegunFrame(
            vector=vector, action_seq=action.seq, queue_s=queue_s, deadline_s=self.pacer.due_s
        )
        return self.waits_for

    def expect(self, ready_s: float) -> None:
        """The frame it waits for to be there by then, if it is not hastened."""
        assert self.waits_for is not None, "expecting nothing"
        self.is_pressed = self.is_pressed or ready_s > self.waits_for.deadline_s
        self._is_uneven = ready_s > self._shown_s + LONGEST_GAP * self.pacer.period_s

    @property
    def needs_haste(self) -> bool:
        """A gap alone is no reason where the frame after it is drawn along, and would be lost."""
        is_alone = self.waits_for is not None and self.waits_for.vector not in self._guessed
        return not self.is_hasty and (self.is_pressed or (self._is_uneven and is_alone))

    def note_haste(self) -> None:
        """It sees less from here on; what was drawn along with it is lost."""
        self.is_hasty, self._guessed = True, []

    def finish(self, now: float) -> BegunFrame:
        """The frame it waited for is there."""
        self._shown_s = now
        begun, self.waits_for = self.waits_for, None
        assert begun is not None, "a frame that nobody asked for"
        self.shown_seq = begun.action_seq
        return begun

    def _vector(self, action: FrameAction) -> ActionVector:
        return self._space.vector(action.held, action.pressed, action.dx, action.dy)
