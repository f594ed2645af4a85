"""The frame loop: the one thread that owns the engine.

Everybody on the replica gets their next frame in the same step, at the world's rate or at what
the overload ladder allows. Knows no asyncio, no network, no codec; others talk to it through
futures, and what happens leaves it through `LoopEvents`.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol, TypeVar

from model.action_space import ActionSpace
from services.backplane.actions import ReadAction
from services.generation.hands import Hands
from services.generation.ladder import Ladder
from services.generation.pacer import Pacer
from services.telemetry import meter
from services.wire.action import FrameAction

if TYPE_CHECKING:  # the loop's own tests run without torch
    from model.engine.types import Frame
    from model.snapshot import WorldSnapshot

T = TypeVar("T")

FRAMES = meter.create_counter("nextframe_frames", description="frames dreamt, by ladder level")
LATE_FRAMES = meter.create_counter(
    "nextframe_late_frames", description="frames that were not ready when the next one was due"
)
BAD_ACTIONS = meter.create_counter("nextframe_bad_actions", description="messages that are none")

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What the loop needs of `model.engine.WorldEngine`. A step that raises changes nothing."""

    def open(self, session_id: str, *, start: int, seed: int) -> None: ...
    def restore(self, session_id: str, snapshot: "WorldSnapshot") -> None: ...
    def step(
        self, actions: Mapping[str, tuple[float, ...]], *, num_steps: int
    ) -> Sequence["Frame"]: ...
    def snapshot(self, session_id: str, *, last_action_seq: int) -> "WorldSnapshot": ...
    def close(self, session_id: str) -> None: ...


class Actions(Protocol):
    """Everything that hands did since the last call. Never waits."""

    def read(self) -> list[ReadAction]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamtFrame:
    """A frame with the circumstances it was made in. `action_seq`: the newest action it has seen,
    which waited `queue_s` for its step. `level` and `fps`: how everybody on the replica was served
    then."""

    frame: "Frame"
    action_seq: int
    queue_s: float
    level: int
    fps: float


class LoopEvents(Protocol):
    """What the loop tells, in its own thread: return soon."""

    def dreamt(self, frame: DreamtFrame) -> None: ...
    def failed(self, session_id: str, error: Exception) -> None:
        """No frame can be made for this session. The loop has closed it; the others go on."""

    def level_changed(self, level: int) -> None: ...


class FrameLoop:
    """Steps the engine for every open session until `stop`. What returns a future may be called
    from any thread and happens between two steps."""

    def __init__(
        self,
        engine: Engine,
        space: ActionSpace,
        actions: Actions,
        ladder: Ladder,
        events: LoopEvents,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._engine = engine
        self._space = space
        self._actions = actions
        self._ladder = ladder
        self._events = events
        self._clock = clock
        self._pacer = Pacer(ladder.rung.fps, clock())
        self._hands: dict[str, Hands] = {}
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._is_stopping = False

    def open(self, session_id: str, *, start: int, seed: int) -> Future[None]:
        return self._submit(lambda: self._open(session_id, start, seed))

    def restore(self, session_id: str, snapshot: "WorldSnapshot") -> Future[None]:
        return self._submit(lambda: self._restore(session_id, snapshot))

    def snapshot(self, session_id: str) -> "Future[WorldSnapshot]":
        """Fails with KeyError when the session is closed."""
        return self._submit(lambda: self._snapshot(session_id))

    def freeze(self, session_id: str) -> "Future[WorldSnapshot]":
        """A snapshot and the end in one: no frame comes after it. Fails as `snapshot`."""
        return self._submit(lambda: self._freeze(session_id))

    def close(self, session_id: str) -> Future[None]:
        """Closing what is closed already is fine."""
        return self._submit(lambda: self._close(session_id))

    def call(self, act: Callable[[Engine], T]) -> Future[T]:
        """`act` with the engine, in the thread that owns it, between two steps."""
        return self._submit(lambda: act(self._engine))

    def stop(self) -> Future[None]:
        return self._submit(self._stop)

    def run(self) -> None:
        while not self._is_stopping:
            self.run_commands_until_due()
            if self._hands and not self._is_stopping:
                self.step()

    def run_commands_until_due(self) -> None:
        """Between steps the thread belongs to the commands; without sessions it sleeps."""
        while not self._is_stopping:
            timeout_s = self._pacer.wait_s(self._clock()) if self._hands else None
            try:
                command = self._commands.get(timeout=timeout_s)
            except Empty:
                return
            command()

    def step(self) -> None:
        """One frame for everybody, now."""
        started, due_s = self._clock(), self._pacer.due_s
        self._pacer.tick(started)
        self._read_actions(started)
        queue_s = {session_id: hands.queue_s(started) for session_id, hands in self._hands.items()}
        taken = {session_id: hands.take(started) for session_id, hands in self._hands.items()}
        rung, level = self._ladder.rung, self._ladder.level
        frames = self._draw(taken, rung.steps)
        for frame in frames:
            self._events.dreamt(
                DreamtFrame(
                    frame=frame,
                    action_seq=taken[frame.session_id].seq,
                    queue_s=queue_s[frame.session_id],
                    level=level,
                    fps=rung.fps,
                )
            )
        ended = self._clock()
        FRAMES.add(len(frames), {"level": level})
        if ended - due_s > self._pacer.period_s:
            LATE_FRAMES.add(len(frames))
        if self._ladder.observe(ended - started):
            self._follow_ladder()

    def _read_actions(self, now: float) -> None:
        for action in self._actions.read():
            hands = self._hands.get(action.session_id)
            if hands is None:
                continue  # of a session that has just left
            try:
                hands.add(action.message, now, age_s=action.age_s)
            except ValueError:
                BAD_ACTIONS.add(1)

    def _draw(self, taken: Mapping[str, FrameAction], num_steps: int) -> "Sequence[Frame]":
        vectors = {
            session_id: self._space.vector(action.held, action.pressed, action.dx, action.dy)
            for session_id, action in taken.items()
        }
        try:
            return self._engine.step(vectors, num_steps=num_steps)
        except Exception:  # whatever it is, it must not take the other sessions along
            log.exception("step failed, trying each session alone")
        return [frame for vector in vectors.items() for frame in self._draw_one(vector, num_steps)]

    def _draw_one(self, vector: tuple[str, tuple[float, ...]], num_steps: int) -> "Sequence[Frame]":
        session_id, values = vector
        try:
            return self._engine.step({session_id: values}, num_steps=num_steps)
        except Exception as error:
            self._close(session_id)
            self._events.failed(session_id, error)
            return ()

    def _follow_ladder(self) -> None:
        self._pacer.set_fps(self._ladder.rung.fps)
        log.info("overload ladder moved", extra={"level_now": self._ladder.level})
        self._events.level_changed(self._ladder.level)

    def _open(self, session_id: str, start: int, seed: int) -> None:
        self._engine.open(session_id, start=start, seed=seed)
        self._seat(session_id, last_seq=0)

    def _restore(self, session_id: str, snapshot: "WorldSnapshot") -> None:
        self._engine.restore(session_id, snapshot)
        self._seat(session_id, last_seq=snapshot.last_action_seq)

    def _seat(self, session_id: str, last_seq: int) -> None:
        now = self._clock()
        if not self._hands:
            self._pacer.restart(now)
        self._hands[session_id] = Hands(now, last_seq)

    def _snapshot(self, session_id: str) -> "WorldSnapshot":
        last_seq = self._hands[session_id].last_seq
        return self._engine.snapshot(session_id, last_action_seq=last_seq)

    def _freeze(self, session_id: str) -> "WorldSnapshot":
        snapshot = self._snapshot(session_id)
        self._close(session_id)
        return snapshot

    def _close(self, session_id: str) -> None:
        if self._hands.pop(session_id, None) is None:
            return
        self._engine.close(session_id)
        if not self._hands:
            self._ladder.reset()
            self._pacer.set_fps(self._ladder.rung.fps)

    def _stop(self) -> None:
        self._is_stopping = True

    def _submit(self, act: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def command() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(act())
            except Exception as error:
                future.set_exception(error)

        self._commands.put(command)
        return future
