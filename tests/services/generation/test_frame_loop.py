"""The frame loop with an engine of numbered frames and a simulated clock."""

import threading
from collections.abc import Callable
from time import perf_counter, process_time, sleep
from typing import Any

import pytest

from model.engine.types import PassPlan
from services.generation.frames import frame_loop
from services.generation.frames.frame_loop import FrameLoop
from services.generation.frames.ports import BrokenFrameError, DrawingError, GeneratedFrame
from services.generation.frames.quality_controller import QualityController
from services.generation.frames.quality_levels import make_levels
from services.wire.action import Action
from tests.fakes import FakeEngine
from tests.services.generation.loop_kit import PERIOD_S, SPEC, Inbox, LoopBench, RecordedEvents

STILL = SPEC.action_space.vector(0, 0, 0)
FORWARD = SPEC.action_space.vector(1, 0, 0)


def test_everybody_gets_the_next_frame_of_their_own() -> None:
    bench = LoopBench()
    bench.open("a")
    bench.frames(2)
    bench.open("b")
    bench.frames(1)
    assert [d.frame.frame_idx for d in bench.events.of("a")] == [1, 2, 3]
    assert [d.frame.frame_idx for d in bench.events.of("b")] == [1]


def test_an_action_is_seen_by_the_next_frame_and_named_by_it() -> None:
    bench = LoopBench()
    bench.open("a")
    bench.act("a", Action(held=1, seq=1))
    bench.frames(1)
    bench.act("a", Action(held=0, pressed=64, seq=2))
    bench.frames(2)
    tapped = SPEC.action_space.vector(0, 64, 0)
    assert bench.engine.actions["a"] == [FORWARD, tapped, STILL]
    assert [d.action_seq for d in bench.events.of("a")] == [1, 2, 2]


def test_a_frame_tells_how_long_its_newest_action_has_waited() -> None:
    bench = LoopBench()
    bench.open("a")
    bench.act("a", Action(held=1, seq=1), age_s=0.05)
    bench.act("a", Action(held=1, seq=2), age_s=0.02)
    bench.frames(2)
    assert [d.queue_s for d in bench.events.of("a")] == [pytest.approx(0.02), 0.0]


def test_sessions_keep_their_own_pace_and_share_passes() -> None:
    """A session opened 20 ms later is shown 20 ms later, and both sessions have the full rate."""
    bench = LoopBench()
    bench.open("a")
    bench.play(0.02)
    bench.open("b")
    bench.play(1.0)
    rate = len(bench.events.of("b")) / len(bench.events.of("a"))
    assert rate == pytest.approx(1.0, abs=0.1)
    assert len(bench.events.of("a")) == pytest.approx(SPEC.fps, abs=2)


def test_a_newcomer_makes_nobody_late() -> None:
    """Prefill frames worth a second of passes are added one by one."""
    bench = LoopBench(cost_of=lambda plan: 0.008 * len(plan.rows))
    bench.open("a")
    bench.play(0.5)
    bench.engine.opening = tuple(range(7))
    opened = bench.loop.open("b", start=0, seed=1)
    bench.run_commands()
    while not opened.done():
        bench.step()
    bench.play(0.5)
    assert bench.num_late == 0


def test_a_late_frame_is_not_made_up_for() -> None:
    bench = LoopBench()
    bench.open("a")
    bench.play(0.5)
    bench.cost_of = lambda _: 0.3  # two passes: ten periods
    bench.frames(1)
    bench.cost_of = lambda _: 0.01
    shown = len(bench.events.frames)
    bench.play(10 * PERIOD_S)
    assert len(bench.events.frames) - shown <= 12


def test_garbage_and_strangers_actions_change_nothing() -> None:
    bench = LoopBench()
    bench.open("a")
    for session_id, message in (("a", b"garbage"), ("a", bytes(28)), ("nobody", bytes(28))):
        bench.act_by_bytes(session_id, message)
    bench.act("a", Action(held=1, seq=1))
    bench.frames(1)
    assert bench.engine.actions["a"] == [FORWARD]


def test_a_snapshot_names_the_newest_action_and_restoring_goes_on_from_it() -> None:
    bench = LoopBench()
    bench.open("a")
    bench.act("a", Action(held=1, seq=41))
    bench.frames(3)
    taken = bench.loop.snapshot("a")
    bench.run_commands()
    snapshot = taken.result(0)
    assert (snapshot.frame_idx, snapshot.last_action_seq) == (3, 41)

    bench.loop.close("a")
    bench.loop.restore("a", snapshot)
    bench.run_commands()
    bench.act("a", Action(held=1, seq=41))  # seen before the snapshot
    bench.frames(1)
    assert bench.events.of("a")[-1].frame.frame_idx == 4
    assert bench.engine.actions["a"][-1] == STILL


def test_a_failing_session_leaves_alone() -> None:
    bench = LoopBench()
    bench.open("a", "b")
    bench.engine.failing = {"a"}
    bench.frames(2)
    assert [(session_id, type(e)) for session_id, e in bench.events.failures] == [
        ("a", RuntimeError)
    ]
    assert [d.frame.frame_idx for d in bench.events.of("b")] == [1, 2]
    assert list(bench.engine.sessions) == ["b"]


@pytest.mark.parametrize(
    "command",
    [
        lambda loop: loop.open("a", start=9, seed=1),
        lambda loop: loop.snapshot("nobody"),
    ],
)
def test_what_cannot_be_done_fails_for_who_asked(command: Callable[[FrameLoop], object]) -> None:
    bench = LoopBench()
    bench.open("b")
    asked = command(bench.loop)
    bench.run_commands()
    assert isinstance(asked.exception(0), (ValueError, KeyError))  # type: ignore[attr-defined]
    bench.frames(1)
    assert len(bench.events.of("b")) == 1


def test_closing_twice_is_fine_and_frees_the_engine() -> None:
    bench = LoopBench()
    bench.open("a")
    first, second = bench.loop.close("a"), bench.loop.close("a")
    bench.loop.stop()
    bench.loop.run()
    assert first.result(0) is None and second.result(0) is None
    assert bench.engine.sessions == {}


def test_a_session_closed_while_it_opens_says_so() -> None:
    bench = LoopBench()
    opened = bench.loop.open("a", start=0, seed=1)
    bench.loop.close("a")
    bench.run_commands()
    assert isinstance(opened.exception(0), RuntimeError)
    assert bench.engine.sessions == {}


def test_an_opening_that_leaves_room_is_no_reason_to_serve_others_less() -> None:
    """The prefill takes one row per pass, and the other sessions leave enough time."""
    bench = LoopBench(lambda plan: 0.008 * plan.num_rows)
    bench.open("a")
    bench.play(1)
    bench.engine.opening = tuple(range(23))
    bench.open("b")
    assert bench.quality.level.drafts


def test_resets_do_not_stop_the_account_of_the_load() -> None:
    bench = LoopBench()
    bench.open("a", "b", "c")
    bench.play(1)
    bench.engine.opening = tuple(range(23))
    bench.cost_of = lambda _: 0.05
    ends = bench.clock.now + 6.0
    while bench.clock.now < ends:
        bench.loop.close("a")
        bench.open("a")
    assert bench.quality.level.number > 0


def test_resets_do_not_bring_a_lone_player_back_to_full_quality() -> None:
    bench = LoopBench()
    bench.open("a")
    bench.cost_of = lambda _: 0.05
    bench.play(5)
    level = bench.quality.level.number
    assert level > 0
    bench.loop.close("a")
    bench.open("a")
    assert bench.quality.level.number == level


def test_after_a_while_without_players_the_next_has_full_quality() -> None:
    bench = LoopBench()
    bench.open("a")
    bench.cost_of = lambda _: 0.2
    bench.play(8)
    assert bench.loop.refuses_sessions
    bench.loop.close("a")
    bench.run_commands()
    assert not bench.loop.refuses_sessions
    bench.clock.advance(5.0)
    bench.cost_of = lambda _: 0.01
    bench.open("a")
    assert bench.quality.level.number == 0


@pytest.mark.parametrize("pass_s", [0.05, 0.13, 0.3])
def test_a_newcomer_is_let_in_however_slow_passes_are(pass_s: float) -> None:
    """One row of every pass belongs to the prefill: as many passes as prefill frames."""
    bench = LoopBench()
    bench.open("a", "b", "c")
    bench.cost_of = lambda _: pass_s
    bench.engine.opening = tuple(range(23))
    began = bench.clock.now
    bench.open("d")
    assert bench.clock.now - began < 25 * max(pass_s, PERIOD_S / 2)


def test_a_failed_prefill_fails_the_future_of_open() -> None:
    bench = LoopBench()
    bench.open("b")

    def break_for_a(plan: PassPlan) -> float:
        if any(row.session_id == "a" for row in plan.rows):
            raise RuntimeError("out of memory")
        return 0.01

    bench.cost_of = break_for_a
    opened = bench.loop.open("a", start=0, seed=1)
    bench.run_commands()
    bench.play(0.2)
    assert isinstance(opened.exception(0), DrawingError)
    assert bench.events.failures == []
    assert list(bench.engine.sessions) == ["b"]
    assert len(bench.events.of("b")) > 2


def raise_for_a(real: Callable[..., Any]) -> Callable[..., Any]:
    """`real` for every session except a."""

    def changed(first: Any, *args: Any, **kwargs: Any) -> Any:
        if "a" in (first, getattr(getattr(first, "frame", None), "session_id", None)):
            raise RuntimeError("thrown")
        return real(first, *args, **kwargs)

    return changed


@pytest.mark.parametrize("name", ["begin", "draft", "draft_jointly", "steps_left", "is_drafting"])
def test_what_the_engine_throws_ends_the_one_session(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_joint = name == "draft_jointly"
    bench = LoopBench(speculation="joint" if is_joint else "exact")
    bench.open("a", "b")
    bench.cost_of = lambda _: 0.03 if is_joint else 0.01  # they are drawn when time is short
    monkeypatch.setattr(bench.engine, name, raise_for_a(getattr(bench.engine, name)))
    for seq in range(1, 40):  # a key is held, so that the next action can be guessed
        for session_id in ("a", "b"):
            bench.act(session_id, Action(held=1, seq=seq))
        bench.play(PERIOD_S)
    assert [session_id for session_id, _ in bench.events.failures] == ["a"]
    assert list(bench.engine.sessions) == ["b"] and len(bench.events.of("b")) > 20
    assert bench.events.faults == []


def test_what_is_thrown_where_frames_go_ends_the_one_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = LoopBench()
    bench.open("a", "b")
    monkeypatch.setattr(bench.events, "generated", raise_for_a(bench.events.generated))
    bench.frames(10)
    assert [session_id for session_id, _ in bench.events.failures] == ["a"]
    assert len(bench.events.of("b")) >= 10


def test_an_engine_that_cannot_even_close_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = LoopBench()
    bench.open("a", "b")
    monkeypatch.setattr(bench.engine, "close", raise_for_a(bench.engine.close))
    bench.engine.failing = {"a"}
    bench.play(0.3)
    assert [session_id for session_id, _ in bench.events.failures] == ["a"]
    assert len(bench.events.faults) == 1 and len(bench.events.of("b")) > 2


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("inbox", "read"),
        ("quality", "decide"),
        ("sessions", "start_playing"),
        ("sessions", "wait_s"),
    ],
)
def test_a_fault_of_nobody_ends_no_session(
    owner: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = LoopBench()
    bench.open("a", "b")

    def throw(*_: Any, **__: Any) -> Any:
        raise OSError("thrown")

    with monkeypatch.context() as patch:
        patch.setattr(getattr(bench, owner), name, throw)
        patch.setattr(frame_loop, "FAULT_PAUSE_S", 0.0)
        for _ in range(20):
            bench.clock.advance(PERIOD_S / 4)
            bench.loop.run_once()
    assert bench.events.faults and bench.events.failures == []
    num_shown = len(bench.events.of("a"))
    bench.play(1)
    assert len(bench.events.of("a")) > num_shown + 10


def test_a_fault_that_stays_does_not_take_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = LoopBench()

    def throw() -> Any:
        raise OSError("thrown")

    monkeypatch.setattr(bench.scheduler, "step", throw)
    bench.loop.close("nobody")  # so that the first turn does not wait for ever
    thread = threading.Thread(target=bench.loop.run)
    thread.start()
    began, used = perf_counter(), process_time()
    while perf_counter() - began < 0.5:
        sleep(0.1)
    assert 2 <= len(bench.events.faults) <= 8 and process_time() - used < 0.3
    bench.loop.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_futures_of_an_ended_loop_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = LoopBench()
    before = bench.loop.snapshot("a")

    def end() -> Any:
        raise SystemExit

    monkeypatch.setattr(bench.scheduler, "step", end)
    bench.loop.call(lambda _: None)
    with pytest.raises(SystemExit):
        bench.loop.run()
    assert bench.loop.has_ended
    assert isinstance(before.exception(0), KeyError)
    after = bench.loop.open("a", start=0, seed=1)
    assert isinstance(after.exception(0), RuntimeError)


def test_a_frame_that_is_not_finite_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = LoopBench()
    bench.open("a", "b")
    bench.frames(3)
    bench.engine.not_finite = {"a"}
    bench.frames(3)
    assert [(s, type(e)) for s, e in bench.events.failures] == [("a", BrokenFrameError)]
    assert all(generated.frame.is_finite for generated in bench.events.frames)
    assert list(bench.engine.sessions) == ["b"]


def test_who_holds_a_key_is_shown_at_once() -> None:
    """Frames are drafted before the tick and shown on the tick; a change of keys gets a separate
    frame."""
    bench = LoopBench(cost_of=lambda _: 0.015)
    bench.open("a")
    bench.act("a", Action(held=1, seq=1))
    bench.play(1.0)
    newest = bench.events.of("a")[-8:]
    assert all(generated.frame.is_speculative for generated in newest)
    bench.step()
    bench.act("a", Action(held=2, seq=2))
    bench.frames(1)
    changed = bench.events.of("a")[-1]
    assert changed.action_seq == 2
    assert not changed.frame.is_speculative
    assert bench.engine.actions["a"][-1] == SPEC.action_space.vector(2, 0, 0)


def test_a_key_that_changed_early_enough_is_answered_on_the_tick() -> None:
    """Actions since the last frame are drafted, too."""
    bench = LoopBench(cost_of=lambda _: 0.006)
    bench.open("a")
    bench.act("a", Action(held=1, seq=1))
    bench.play(1.0)
    bench.frames(1)
    bench.act("a", Action(held=2, seq=2))  # just after a frame was shown
    bench.frames(1)
    changed = bench.events.of("a")[-1]
    assert changed.action_seq == 2
    assert changed.frame.is_speculative
    assert bench.engine.actions["a"][-1] == SPEC.action_space.vector(2, 0, 0)


def test_a_tap_is_drafted_as_the_frame_will_see_it() -> None:
    bench = LoopBench(cost_of=lambda _: 0.006)
    bench.open("a")
    bench.play(1.0)
    bench.frames(1)
    bench.act("a", Action(pressed=64, seq=1))
    bench.frames(2)
    tapped, after = bench.events.of("a")[-2:]
    assert tapped.frame.is_speculative
    assert after.frame.is_speculative
    assert bench.engine.actions["a"][-2:] == [SPEC.action_space.vector(0, 64, 0), STILL]


def test_a_late_frame_is_shortened_for_its_remaining_steps() -> None:
    """The next frame sees the whole context again."""
    bench = LoopBench(cost_of=lambda _: 0.016, speculation="off")
    bench.open("a")
    bench.frames(40)
    pages: list[int] = []  # that each denoise step sees

    def stalling(plan: PassPlan) -> float:
        pages.extend(sum(map(len, row.placement.seen)) for row in plan.drawn)
        return 0.042 if len(pages) == 1 and plan.drawn else 0.016

    bench.cost_of = stalling
    bench.frames(2)
    whole, short = SPEC.nfd.window, SPEC.nfd.window // 3
    assert pages == [whole, short, whole, whole]
    assert bench.engine.num_shortened == 1
    assert bench.quality.level.number == 0


def test_a_frame_long_after_a_drafted_frame_is_shortened() -> None:
    """The frame meets the deadline, but the gap would show. Drafts continue."""
    bench = LoopBench(cost_of=lambda _: 0.012)
    bench.open("a")
    bench.act("a", Action(held=1, seq=1))
    bench.play(1.0)
    bench.frames(1)
    for _ in range(5):
        if not bench.events.frames[-1].frame.is_speculative:
            bench.frames(1)
    assert bench.events.frames[-1].frame.is_speculative
    pages: list[int] = []

    def note(plan: PassPlan) -> float:
        pages.extend(sum(map(len, row.placement.seen)) for row in plan.drawn if not row.is_draft)
        return 0.012

    bench.cost_of = note
    num_before = bench.engine.num_shortened
    bench.clock.advance(PERIOD_S)  # too busy to draft
    bench.act("a", Action(held=2, seq=2))
    bench.frames(1)
    assert not bench.events.of("a")[-1].frame.is_speculative
    assert pages == 2 * [SPEC.nfd.window // 3]
    assert bench.engine.num_shortened == num_before + 1
    bench.play(2.0)
    assert bench.quality.level.drafts


def test_overload_lowers_the_steps_for_all_and_says_so() -> None:
    bench = LoopBench(cost_of=lambda _: 0.05)
    bench.open("a", "b")
    bench.play(5)
    assert bench.events.levels
    assert bench.events.frames[0].frame.num_steps == 2
    last = bench.events.frames[-1]
    assert last.frame.num_steps == 1
    assert last.level == bench.events.levels[-1]


def test_frames_come_at_the_rate_of_the_world() -> None:
    """In real time, on a separate thread."""
    enough = threading.Event()

    class Counting(RecordedEvents):
        def generated(self, frame: GeneratedFrame) -> None:
            super().generated(frame)
            if len(self.frames) == 20:
                enough.set()

    events = Counting()
    quality = QualityController(make_levels((1,), 1, 100.0))
    begun: list[float] = []
    engine = FakeEngine(SPEC, lambda _: begun.append(perf_counter()))
    loop = FrameLoop(engine, SPEC.action_space, Inbox(), quality, events)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        loop.open("a", start=0, seed=1).result(5)
        assert enough.wait(5)
    finally:
        loop.stop().result(5)
        thread.join(5)
    assert not thread.is_alive()
    assert 0.185 < begun[-1] - begun[0] < 0.6
