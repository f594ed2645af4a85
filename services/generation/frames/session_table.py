"""The sessions of an engine, from prefill to close. Knows no pass and no frame."""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from model.action_space import ActionSpace
from services.backplane.action_reader import ReadAction
from services.generation.frames.ports import DrawingError, Engine, LoopEvents
from services.generation.frames.quality_controller import QualityController
from services.generation.frames.session_state import SessionState
from services.telemetry import meter

BAD_ACTIONS = meter.create_counter(
    "nextframe_bad_actions", description="messages that are no action"
)
AWAY_S = 3.0  # without any session: the next session starts at full quality

Opened = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """A session while the engine encodes the opening frames. `opened` is called once, with None
    when the session plays, otherwise with the error. `last_seq`: newest action in the opening
    frames."""

    opened: Opened
    last_seq: int


class SessionTable:
    """Owns the sessions that play and the sessions in prefill. An error closes only the session of
    the error."""

    def __init__(
        self,
        engine: Engine,
        space: ActionSpace,
        quality: QualityController,
        events: LoopEvents,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._space = space
        self._quality = quality
        self._events = events
        self._clock = clock
        self.playing: dict[str, SessionState] = {}
        self.in_prefill: dict[str, Prefill] = {}
        self._emptied_s = -math.inf  # when the last session left

    def wait_s(self, now: float) -> float:
        """Seconds until the next frame is to be requested; infinite while nobody plays."""
        first_tick_s = min((s.pacer.next_tick_s for s in self.playing.values()), default=math.inf)
        return max(0.0, first_tick_s - now)

    def receive(self, actions: Iterable[ReadAction], now: float) -> None:
        """Adds the actions to the buffers of their sessions. Actions of a session that has just
        left are dropped; a bad message is counted and changes nothing."""
        for action in actions:
            session = self.playing.get(action.session_id)
            if session is None:
                continue
            try:
                session.actions.add(action.message, now, age_s=action.age_s)
            except Exception:  # any error of a player's message must not stop the loop
                BAD_ACTIONS.add(1)

    def expect(self, session_id: str, prefill: Prefill) -> None:
        """The engine has admitted the session."""
        self.in_prefill[session_id] = prefill

    def start_playing(self, now: float) -> None:
        """Starts the sessions after their prefill."""
        ended = [s for s in self.in_prefill if not self._engine.is_in_prefill(s)]
        for session_id in ended:
            prefill = self.in_prefill.pop(session_id)
            if not self.playing and now - self._emptied_s > AWAY_S:
                self._quality.reset()
            # On the tick of the other sessions: frames with one deadline share their passes.
            first_tick_s = min((s.pacer.next_tick_s for s in self.playing.values()), default=now)
            self.playing[session_id] = SessionState(
                self._space,
                now=first_tick_s,
                fps=self._quality.level.fps,
                last_seq=prefill.last_seq,
            )
            self._quality.note_sessions_changed(now)
            prefill.opened(None)

    def in_fair_order(self, session_ids: Collection[str]) -> list[str]:
        """The order in which ready frames of these sessions leave. The first goes last the next
        time: frames that are ready together are encoded and sent one by one, and no player may
        always wait for the others. Unknown sessions are left out."""
        order = [session_id for session_id in self.playing if session_id in session_ids]
        if len(order) > 1:
            self.playing[order[0]] = self.playing.pop(order[0])
        return order

    def close(self, session_id: str) -> None:
        """An unknown session is ignored. A session in prefill gets RuntimeError."""
        prefill = self.in_prefill.pop(session_id, None)
        if prefill is None and self.playing.pop(session_id, None) is None:
            return
        self._engine.close(session_id)
        if prefill is not None:
            prefill.opened(RuntimeError(f"session {session_id!r} was closed while it opened"))
        self._note_left()

    def fail(self, session_id: str, error: Exception) -> None:
        """Closes the session. `LoopEvents.failed` gets the error, or, of a session in prefill,
        whoever opened the session."""
        prefill = self.in_prefill.pop(session_id, None)
        self.playing.pop(session_id, None)
        try:
            self._engine.close(session_id)
        except Exception as fault:
            self._events.faulted(fault)
        self._note_left()
        if prefill is None:
            self._events.failed(session_id, error)
        else:
            failure = DrawingError(f"its opening frames cannot be encoded: {error}")
            failure.__cause__ = error
            prefill.opened(failure)

    def _note_left(self) -> None:
        self._emptied_s = self._clock()
        self._quality.note_sessions_changed(self._emptied_s)
