"""A frame loop stepped by the test, with an engine of numbered frames and a fake clock."""

from collections.abc import Callable
from dataclasses import replace

from model import presets
from model.engine.types import PassPlan
from services.backplane.action_reader import ReadAction
from services.generation.frames.frame_loop import FrameLoop
from services.generation.frames.ports import GeneratedFrame
from services.generation.frames.quality_controller import QualityController
from services.generation.frames.quality_levels import QualityLevel, make_levels
from services.generation.renderer import short_context
from services.wire.action import Action
from tests.fakes import FakeClock, FakeEngine, make_spec

SPEC = replace(make_spec(), nfd=presets.freedoom().nfd)  # a window long enough for a short context
PERIOD_S = 1 / SPEC.fps


def levels_of(speculation: str = "exact") -> tuple[QualityLevel, ...]:
    """As a renderer makes them."""
    sampler, short = SPEC.sampler, short_context(SPEC.nfd, SPEC.nfd.window - 1)
    return make_levels(
        sampler.times, sampler.default_steps, SPEC.fps, short=short, speculation=speculation
    )


class RecordedEvents:
    """Keeps the events of a frame loop."""

    def __init__(self) -> None:
        self.frames: list[GeneratedFrame] = []
        self.failures: list[tuple[str, Exception]] = []
        self.faults: list[Exception] = []
        self.levels: list[int] = []
        self.now: Callable[[], float] = lambda: 0.0
        self.shown_at: dict[str, list[float]] = {}

    def generated(self, frame: GeneratedFrame) -> None:
        self.frames.append(frame)
        self.shown_at.setdefault(frame.frame.session_id, []).append(self.now())

    def failed(self, session_id: str, error: Exception) -> None:
        self.failures.append((session_id, error))

    def faulted(self, error: Exception) -> None:
        self.faults.append(error)

    def level_changed(self, level: int) -> None:
        self.levels.append(level)

    def of(self, session_id: str) -> list[GeneratedFrame]:
        return [generated for generated in self.frames if generated.frame.session_id == session_id]


class Inbox:
    """ActionSource that wait to be read."""

    def __init__(self) -> None:
        self.waiting: list[ReadAction] = []

    def read(self) -> list[ReadAction]:
        waiting, self.waiting = self.waiting, []
        return waiting


class LoopBench:
    """A frame loop on fakes. `cost_of`: seconds of fake time of a pass; may be replaced at any
    time."""

    def __init__(
        self,
        cost_of: Callable[[PassPlan], float] = lambda _: 0.01,
        *,
        speculation: str = "exact",
    ) -> None:
        self.clock = FakeClock()
        self.cost_of = cost_of
        self.engine = FakeEngine(SPEC, lambda plan: self.clock.advance(self.cost_of(plan)))
        self.inbox = Inbox()
        self.events = RecordedEvents()
        self.events.now = self.clock
        self.quality = QualityController(levels_of(speculation))
        self.loop = FrameLoop(
            self.engine, SPEC.action_space, self.inbox, self.quality, self.events, self.clock
        )
        self.num_late = 0  # frames shown after their deadline
        self.scheduler = self.loop._scheduler
        self.sessions = self.scheduler.sessions

    def open(self, *session_ids: str) -> None:
        """Opens the sessions, up to their first tick."""
        for session_id in session_ids:
            opened = self.loop.open(session_id, start=0, seed=1)
            self.run_commands()
            while not opened.done():
                self.step()
            opened.result(0)

    def act(self, session_id: str, action: Action, *, age_s: float = 0.0) -> None:
        self.act_by_bytes(session_id, action.to_bytes(), age_s=age_s)

    def act_by_bytes(self, session_id: str, message: bytes, *, age_s: float = 0.0) -> None:
        action = ReadAction(session_id=session_id, message=message, age_s=age_s)
        self.inbox.waiting.append(action)

    def run_commands(self) -> None:
        self.loop.run_commands(0.0)

    def step(self) -> None:
        """Rests as long as the loop would, then makes a step."""
        self.clock.advance(self.scheduler.rest_s() or 0.0)
        num_before = len(self.events.frames)
        self.scheduler.step()
        for generated in self.events.frames[num_before:]:
            session = self.sessions.playing[generated.frame.session_id]
            self.num_late += self.clock.now > session.pacer.next_tick_s

    def frames(self, count: int) -> None:
        """Steps until every session has `count` more frames."""
        wanted = {s: len(self.events.of(s)) + count for s in self.engine.sessions}
        while any(
            len(self.events.of(s)) < number
            for s, number in wanted.items()
            if s in self.engine.sessions
        ):
            self.step()

    def play(self, seconds: float) -> None:
        """Steps for `seconds` of fake time."""
        ends = self.clock.now + seconds
        while self.clock.now < ends:
            self.step()
