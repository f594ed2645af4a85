"""The frame loop: the one thread that owns the engine.

The loop runs steps of the frame scheduler. Between two steps the loop runs commands of other
threads, whose results are futures. Frames leave through `LoopEvents`. Knows no asyncio, no network,
no codec.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from model.action_space import ActionSpace
from services.generation.frames.frame_scheduler import FrameScheduler
from services.generation.frames.ports import ActionSource, Engine, LoopEvents
from services.generation.frames.quality_controller import QualityController
from services.generation.frames.session_table import Prefill

if TYPE_CHECKING:  # the loop's own tests run without torch
    from model.snapshot import WorldSnapshot

T = TypeVar("T")

FAULT_PAUSE_S = 0.1  # a fault in every step must not take the processor

log = logging.getLogger(__name__)


class FrameLoop:
    """Gives every open session its frames until `stop`. Methods that return a future may be called
    from any thread; the loop's thread runs them between two passes."""

    def __init__(
        self,
        engine: Engine,
        space: ActionSpace,
        actions: ActionSource,
        quality: QualityController,
        events: LoopEvents,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._engine = engine
        self._quality = quality
        self._events = events
        self._scheduler = FrameScheduler(engine, space, actions, quality, events, clock)
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._is_stopping = False
        self._has_ended = False
        self._is_faulty = False  # the last step raised
        self._busy_since_s: float | None = None

    @property
    def refuses_sessions(self) -> bool:
        """The lowest quality level is overloaded. May be read from any thread."""
        return bool(self._scheduler.sessions.playing) and self._quality.refuses_sessions

    @property
    def level(self) -> int:
        """Number of the quality level. May be read from any thread."""
        return self._quality.level.number

    @property
    def frame_counts(self) -> tuple[int, int]:
        """Shown frames, and the late ones among the shown. May be read from any thread."""
        return self._scheduler.output.num_shown, self._scheduler.output.num_late

    @property
    def has_ended(self) -> bool:
        """No more frames are made. May be read from any thread."""
        return self._has_ended

    @property
    def busy_s(self) -> float:
        """Seconds that the current pass or command has lasted. May be read from any thread."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def open(self, session_id: str, *, start: int, seed: int) -> Future[None]:
        """Done when the session plays. Fails with DrawingError when the engine cannot encode the
        opening frames, and with the error of `Engine.admit` when the session is refused."""

        def admit() -> int:
            self._engine.admit(session_id, start=start, seed=seed)
            return 0

        return self._submit_opening(session_id, admit)

    def restore(self, session_id: str, snapshot: "WorldSnapshot") -> Future[None]:
        """As `open`, from a snapshot."""

        def admit() -> int:
            self._engine.admit_snapshot(session_id, snapshot)
            return snapshot.last_action_seq

        return self._submit_opening(session_id, admit)

    def snapshot(self, session_id: str) -> "Future[WorldSnapshot]":
        """Fails with KeyError when the session does not play."""
        return self._submit(lambda: self._snapshot(session_id))

    def freeze(self, session_id: str) -> "Future[WorldSnapshot]":
        """Snapshots and closes the session with no frame in between. Fails as `snapshot`."""
        return self._submit(lambda: self._freeze(session_id))

    def close(self, session_id: str) -> Future[None]:
        """An unknown session is ignored."""
        return self._submit(lambda: self._scheduler.sessions.close(session_id))

    def call(self, act: Callable[[Engine], T]) -> Future[T]:
        """Calls `act` with the engine in the loop's thread, between two passes."""
        return self._submit(lambda: act(self._engine))

    def stop(self) -> Future[None]:
        return self._submit(self._stop)

    def run(self) -> None:
        try:
            while not self._is_stopping:
                self.run_once()
        finally:
            self._has_ended = True
            self._refuse_commands()

    def run_once(self) -> None:
        """Runs the waiting commands, then a step. An error here belongs to no session: every
        session goes on."""
        try:
            self.run_commands(FAULT_PAUSE_S if self._is_faulty else self._scheduler.rest_s())
            if not self._is_stopping:
                self._scheduler.step()
            self._is_faulty = False
        except Exception as error:
            if not self._is_faulty:
                log.exception("a step of the frame loop failed")
            self._is_faulty = True
            self._events.faulted(error)

    def run_commands(self, rest_s: float | None) -> None:
        """Runs all waiting commands. Waits for the first one up to `rest_s` seconds; None: without
        limit."""
        self._busy_since_s = None
        try:
            command = self._commands.get(timeout=rest_s)
            self._busy_since_s = time.monotonic()
            while not self._is_stopping:
                command()
                command = self._commands.get_nowait()
        except Empty:
            self._busy_since_s = time.monotonic()

    def _snapshot(self, session_id: str) -> "WorldSnapshot":
        last_seq = self._scheduler.sessions.playing[session_id].shown_seq
        return self._engine.snapshot(session_id, last_action_seq=last_seq)

    def _freeze(self, session_id: str) -> "WorldSnapshot":
        snapshot = self._snapshot(session_id)
        self._scheduler.sessions.close(session_id)
        return snapshot

    def _stop(self) -> None:
        self._is_stopping = True

    def _put(self, command: Callable[[], None]) -> None:
        self._commands.put(command)
        if self._has_ended:
            self._refuse_commands()

    def _refuse_commands(self) -> None:
        """Fails the futures of all waiting commands. Any thread may call this method."""
        self._busy_since_s = None
        with suppress(Empty):
            while True:
                self._commands.get_nowait()()

    def _begins(self, future: Future[T]) -> bool:
        """False: the future was cancelled, or the loop has ended."""
        if not future.set_running_or_notify_cancel():
            return False
        if self._has_ended:
            future.set_exception(RuntimeError("the frame loop has ended"))
            return False
        return True

    def _submit(self, act: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def command() -> None:
            if not self._begins(future):
                return
            try:
                future.set_result(act())
            except Exception as error:
                future.set_exception(error)

        self._put(command)
        return future

    def _submit_opening(self, session_id: str, admit: Callable[[], int]) -> Future[None]:
        """`admit` returns the newest action in the context of the session."""
        future: Future[None] = Future()

        def opened(error: Exception | None) -> None:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        def command() -> None:
            if not self._begins(future):
                return
            try:
                last_seq = admit()
            except Exception as error:
                future.set_exception(error)
            else:
                prefill = Prefill(opened=opened, last_seq=last_seq)
                self._scheduler.expect(session_id, prefill)

        self._put(command)
        return future
