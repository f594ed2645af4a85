"""The frame loop: the one thread that owns the engine.

Turns follow each other; between two of them happens what others ask for, through futures. Knows
no asyncio, no network, no codec; what the turns make leaves through `LoopEvents`.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from model.action_space import ActionSpace
from services.generation.frames.ladder import Ladder
from services.generation.frames.ports import Actions, Engine, LoopEvents
from services.generation.frames.turns import Newcomer, Turns

if TYPE_CHECKING:  # the loop's own tests run without torch
    from model.snapshot import WorldSnapshot

T = TypeVar("T")

FAULT_PAUSE_S = 0.1  # a fault that comes back with every turn must not take the processor

log = logging.getLogger(__name__)


class FrameLoop:
    """Gives every open session its frames until `stop`. What returns a future may be called from
    any thread and happens between two passes."""

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
        self._ladder = ladder
        self._events = events
        self._turns = Turns(engine, space, actions, ladder, events, clock)
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._is_stopping = False
        self._has_ended = False
        self._is_faulty = False  # the last turn was
        self._busy_since_s: float | None = None

    @property
    def refuses_newcomers(self) -> bool:
        """Everything has given way, and it is still too much. Any thread may ask."""
        return self._turns.is_played and self._ladder.refuses_newcomers

    @property
    def has_ended(self) -> bool:
        """No frame comes any more. Any thread may ask."""
        return self._has_ended

    @property
    def busy_s(self) -> float:
        """For how long the pass or the command of this moment has lasted. Any thread may ask."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def open(self, session_id: str, *, start: int, seed: int) -> Future[None]:
        """Done when the session's first frame may come. Fails with DrawingError when the engine
        cannot encode its opening frames, with what `Engine.admit` raises when it is refused."""

        def admit() -> int:
            self._engine.admit(session_id, start=start, seed=seed)
            return 0

        return self._submit_opening(session_id, admit)

    def restore(self, session_id: str, snapshot: "WorldSnapshot") -> Future[None]:
        """As `open`."""

        def admit() -> int:
            self._engine.admit_snapshot(session_id, snapshot)
            return snapshot.last_action_seq

        return self._submit_opening(session_id, admit)

    def snapshot(self, session_id: str) -> "Future[WorldSnapshot]":
        """Fails with KeyError when the session is closed."""
        return self._submit(lambda: self._snapshot(session_id))

    def freeze(self, session_id: str) -> "Future[WorldSnapshot]":
        """A snapshot and the end in one: no frame comes after it. Fails as `snapshot`."""
        return self._submit(lambda: self._freeze(session_id))

    def close(self, session_id: str) -> Future[None]:
        """Closing what is closed already is fine."""
        return self._submit(lambda: self._turns.close(session_id))

    def call(self, act: Callable[[Engine], T]) -> Future[T]:
        """`act` with the engine, in the thread that owns it, between two passes."""
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
        """What was asked for, then a turn. What is thrown here belongs to no session: none ends
        for it."""
        try:
            self.run_commands(FAULT_PAUSE_S if self._is_faulty else self._turns.rest_s())
            if not self._is_stopping:
                self._turns.turn()
            self._is_faulty = False
        except Exception as error:
            if not self._is_faulty:
                log.exception("a turn of the frame loop failed")
            self._is_faulty = True
            self._events.faulted(error)

    def run_commands(self, rest_s: float | None) -> None:
        """What was asked for meanwhile. Waits for it at most `rest_s`, for ever when that is
        None."""
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
        last_seq = self._turns.shown_seq(session_id)
        return self._engine.snapshot(session_id, last_action_seq=last_seq)

    def _freeze(self, session_id: str) -> "WorldSnapshot":
        snapshot = self._snapshot(session_id)
        self._turns.close(session_id)
        return snapshot

    def _stop(self) -> None:
        self._is_stopping = True

    def _put(self, command: Callable[[], None]) -> None:
        self._commands.put(command)
        if self._has_ended:
            self._refuse_commands()

    def _refuse_commands(self) -> None:
        """Whoever waits for the loop hears that it is gone. Any thread may call it."""
        self._busy_since_s = None
        with suppress(Empty):
            while True:
                self._commands.get_nowait()()

    def _begins(self, future: Future[T]) -> bool:
        """False: nobody waits for the command any more, or nothing can be done for it."""
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
        """`admit` returns the newest action that the session's world has seen."""
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
                self._turns.expect(session_id, Newcomer(opened=opened, last_seq=last_seq))

        self._put(command)
        return future
