"""The frame loop with an engine of numbered frames and a clock that the tests move."""

import threading
from collections.abc import Callable

import pytest

from services.backplane.actions import ReadAction
from services.generation.frame_loop import DreamtFrame, FrameLoop
from services.generation.ladder import Ladder, make_rungs
from services.wire.action import Action
from tests.fakes import FakeClock, FakeEngine, make_spec

SPEC = make_spec()
PERIOD_S = 1 / SPEC.fps


class Recorder:
    """What the loop told."""

    def __init__(self) -> None:
        self.frames: list[DreamtFrame] = []
        self.failures: list[tuple[str, Exception]] = []
        self.levels: list[int] = []

    def dreamt(self, frame: DreamtFrame) -> None:
        self.frames.append(frame)

    def failed(self, session_id: str, error: Exception) -> None:
        self.failures.append((session_id, error))

    def level_changed(self, level: int) -> None:
        self.levels.append(level)

    def of(self, session_id: str) -> list[DreamtFrame]:
        return [dreamt for dreamt in self.frames if dreamt.frame.session_id == session_id]


class Inbox:
    """Actions that wait to be read."""

    def __init__(self) -> None:
        self.waiting: list[ReadAction] = []

    def read(self) -> list[ReadAction]:
        waiting, self.waiting = self.waiting, []
        return waiting


class Bench:
    """A loop that the test steps by hand, in its own thread."""

    def __init__(self, cost_s: float = 0.03) -> None:
        self.clock = FakeClock()
        self.cost_s = cost_s
        self.engine = FakeEngine(SPEC, before_step=lambda: self.clock.advance(self.cost_s))
        self.inbox = Inbox()
        self.told = Recorder()
        rungs = make_rungs(SPEC.sampler.times, SPEC.sampler.default_steps, SPEC.fps)
        self.loop = FrameLoop(
            self.engine, SPEC.action_space, self.inbox, Ladder(rungs), self.told, self.clock
        )

    def open(self, *session_ids: str) -> None:
        opened = [self.loop.open(session_id, start=0, seed=1) for session_id in session_ids]
        self.run_commands()
        for future in opened:
            future.result(0)

    def run_commands(self) -> None:
        """What waits is done; fake time does not pass meanwhile."""
        self.loop.call(lambda _: self.clock.advance(1.0))  # makes the next frame due
        self.loop.run_commands_until_due()

    def act(self, session_id: str, action: Action, *, age_s: float = 0.0) -> None:
        self.act_by_bytes(session_id, action.to_bytes(), age_s=age_s)

    def act_by_bytes(self, session_id: str, message: bytes, *, age_s: float = 0.0) -> None:
        action = ReadAction(session_id=session_id, message=message, age_s=age_s)
        self.inbox.waiting.append(action)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.clock.advance(max(0.0, PERIOD_S - self.cost_s))
            self.loop.step()


def test_everybody_gets_the_next_frame_of_their_own() -> None:
    bench = Bench()
    bench.open("a")
    bench.steps(2)
    bench.open("b")
    bench.steps(1)
    assert [d.frame.frame_idx for d in bench.told.of("a")] == [1, 2, 3]
    assert [d.frame.frame_idx for d in bench.told.of("b")] == [1]


def test_an_action_is_seen_by_the_next_frame_and_named_by_it() -> None:
    bench = Bench()
    bench.open("a", "b")
    bench.act("a", Action(held=1, seq=1))
    bench.steps(1)
    bench.act("a", Action(held=0, pressed=64, seq=2))
    bench.steps(1)
    still = SPEC.action_space.vector(0, 0, 0)
    assert bench.engine.actions["a"] == [
        SPEC.action_space.vector(1, 0, 0),
        SPEC.action_space.vector(0, 64, 0),
    ]
    assert bench.engine.actions["b"] == [still, still]
    assert [d.action_seq for d in bench.told.of("a")] == [1, 2]


def test_a_frame_tells_how_long_its_newest_action_has_waited() -> None:
    bench = Bench()
    bench.open("a", "b")
    bench.act("a", Action(held=1, seq=1), age_s=0.05)
    bench.act("a", Action(held=1, seq=2), age_s=0.02)
    bench.steps(2)
    assert [d.queue_s for d in bench.told.of("a")] == [pytest.approx(0.02), 0.0]
    assert [d.queue_s for d in bench.told.of("b")] == [0.0, 0.0]


def test_garbage_and_strangers_actions_change_nothing() -> None:
    bench = Bench()
    bench.open("a")
    for session_id, message in (("a", b"garbage"), ("a", bytes(28)), ("nobody", bytes(28))):
        bench.act_by_bytes(session_id, message)
    bench.act("a", Action(held=1, seq=1))
    bench.steps(1)
    assert bench.engine.actions["a"] == [SPEC.action_space.vector(1, 0, 0)]


def test_a_snapshot_names_the_newest_action_and_restoring_goes_on_from_it() -> None:
    bench = Bench()
    bench.open("a")
    bench.act("a", Action(held=1, seq=41))
    bench.steps(3)
    taken = bench.loop.snapshot("a")
    bench.run_commands()
    snapshot = taken.result(0)
    assert (snapshot.frame_idx, snapshot.last_action_seq) == (3, 41)

    bench.loop.close("a")
    bench.loop.restore("a", snapshot)
    bench.run_commands()
    bench.act("a", Action(held=1, seq=41))  # seen before the snapshot
    bench.steps(1)
    assert bench.told.of("a")[-1].frame.frame_idx == 4
    assert bench.engine.actions["a"][-1] == SPEC.action_space.vector(0, 0, 0)


def test_a_failing_session_leaves_alone() -> None:
    bench = Bench()
    bench.open("a", "b")
    bench.engine.failing = {"a"}
    bench.steps(2)
    assert [(session_id, type(e)) for session_id, e in bench.told.failures] == [("a", RuntimeError)]
    assert [d.frame.frame_idx for d in bench.told.of("b")] == [1, 2]
    assert list(bench.engine.sessions) == ["b"]


@pytest.mark.parametrize(
    "command",
    [
        lambda loop: loop.open("a", start=9, seed=1),
        lambda loop: loop.snapshot("nobody"),
    ],
)
def test_what_cannot_be_done_fails_for_who_asked(command: Callable[[FrameLoop], object]) -> None:
    bench = Bench()
    bench.open("b")
    asked = command(bench.loop)
    bench.run_commands()
    assert isinstance(asked.exception(0), (ValueError, KeyError))  # type: ignore[attr-defined]
    bench.steps(1)
    assert len(bench.told.of("b")) == 1


def test_closing_twice_is_fine_and_frees_the_engine() -> None:
    bench = Bench()
    bench.open("a")
    first, second = bench.loop.close("a"), bench.loop.close("a")
    bench.loop.stop()
    bench.loop.run()
    assert first.result(0) is None and second.result(0) is None
    assert bench.engine.sessions == {}


def test_overload_lowers_the_steps_for_all_and_says_so() -> None:
    bench = Bench(cost_s=0.08)
    bench.open("a", "b")
    bench.steps(30)
    assert bench.told.levels[:2] == [1, 2]
    assert bench.engine.num_steps[0] == 2 and bench.engine.num_steps[-1] == 1
    last = bench.told.frames[-1]
    assert last.level == bench.told.levels[-1]
    assert last.fps < SPEC.fps


def test_frames_come_at_the_rate_of_the_world() -> None:
    """In real time, on a thread of its own."""
    enough = threading.Event()

    class Counting(Recorder):
        def dreamt(self, frame: DreamtFrame) -> None:
            super().dreamt(frame)
            if len(self.frames) == 20:
                enough.set()

    told = Counting()
    rungs = make_rungs((1,), 1, 100.0)
    clock_starts: list[float] = []
    engine = FakeEngine(SPEC)
    loop = FrameLoop(engine, SPEC.action_space, Inbox(), Ladder(rungs), told)
    engine.before_step = lambda: clock_starts.append(loop._clock())
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        loop.open("a", start=0, seed=1).result(5)
        assert enough.wait(5)
    finally:
        loop.stop().result(5)
        thread.join(5)
    assert not thread.is_alive()
    assert 0.185 < clock_starts[19] - clock_starts[0] < 0.6
