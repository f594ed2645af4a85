"""Decisions are integers: who, where, in which batch. No tensor is needed to test them."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from model.cache.page_pool import NoFreeSlotError
from model.context.sliding_window import SlidingWindow
from model.engine.scheduler import Scheduler

ACTION = (0.0,)
MAX_SESSIONS = 4
PAGES_PER_SLOT = 4


def make_scheduler(batch_sizes: tuple[int, ...] = (1, 2, 4)) -> Scheduler:
    policy = SlidingWindow(PAGES_PER_SLOT - 1)
    return Scheduler(policy, max_sessions=MAX_SESSIONS, batch_sizes=batch_sizes)


def open_session(scheduler: Scheduler, session_id: str, frame_idxs: tuple[int, ...] = (0,)) -> None:
    scheduler.commit_open(scheduler.plan_open(session_id, 1, frame_idxs))


def step(scheduler: Scheduler, *session_ids: str) -> None:
    scheduler.commit(scheduler.plan(dict.fromkeys(session_ids, ACTION), 2))


def test_a_plan_names_each_session_once_in_slot_order() -> None:
    scheduler = make_scheduler()
    for session_id in ("a", "b", "c"):
        open_session(scheduler, session_id)
    plan = scheduler.plan({"c": (3.0,), "a": (1.0,)}, 2)
    assert [(f.session_id, f.placement.slot, f.action) for f in plan.frames] == [
        ("a", 0, (1.0,)),
        ("c", 2, (3.0,)),
    ]
    assert plan.num_steps == 2


def test_batches_are_padded_to_the_next_size() -> None:
    scheduler = make_scheduler()
    sizes = []
    for number in range(MAX_SESSIONS):
        open_session(scheduler, str(number))
        actions = dict.fromkeys(scheduler.session_ids, ACTION)
        sizes.append(scheduler.plan(actions, 1).batch_size)
    assert sizes == [1, 2, 4, 4]


def test_batch_sizes_must_hold_a_full_house() -> None:
    with pytest.raises(ValueError, match="cannot hold 4"):
        make_scheduler(batch_sizes=(1, 2))


def test_sessions_advance_each_at_their_own_frame() -> None:
    scheduler = make_scheduler()
    open_session(scheduler, "a")
    step(scheduler, "a")
    open_session(scheduler, "b", (7, 8, 9))
    plan = scheduler.plan({"a": ACTION, "b": ACTION}, 1)
    assert [f.frame_idx for f in plan.frames] == [2, 10]


def test_an_uncommitted_plan_leaves_no_trace() -> None:
    scheduler = make_scheduler()
    open_session(scheduler, "a")
    first = scheduler.plan({"a": ACTION}, 2)
    assert scheduler.plan({"a": ACTION}, 2) == first
    assert scheduler.plan_open("b", 1, (0,)) == scheduler.plan_open("b", 1, (0,))
    assert scheduler.session_ids == ("a",)
    scheduler.check_integrity()


def test_closing_a_session_frees_its_pages() -> None:
    scheduler = make_scheduler()
    all_pages = scheduler.num_free_pages
    open_session(scheduler, "a")
    assert scheduler.num_free_pages == all_pages - PAGES_PER_SLOT
    scheduler.close("a")
    assert scheduler.num_free_pages == all_pages
    with pytest.raises(KeyError, match="'a' is not open"):
        scheduler.close("a")


def test_a_full_house_refuses_and_a_name_is_taken_once() -> None:
    scheduler = make_scheduler()
    for number in range(MAX_SESSIONS):
        open_session(scheduler, str(number))
    with pytest.raises(NoFreeSlotError):
        scheduler.plan_open("more", 1, (0,))
    with pytest.raises(ValueError, match="'0' is open already"):
        scheduler.plan_open("0", 1, (0,))


@pytest.mark.parametrize("frame_idxs", [(0, 1, 2, 3), (1, 9)])
def test_a_context_that_no_session_could_have_is_refused(frame_idxs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are no context"):
        make_scheduler().plan_open("a", 1, frame_idxs)


class OpenStepCloseStorm(RuleBasedStateMachine):
    """Any mix of opens, steps and closes: no page is lost, shared or out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = make_scheduler()
        self.frames: dict[str, int] = {}
        self.opened = 0

    @precondition(lambda self: len(self.frames) < MAX_SESSIONS)
    @rule(first=st.integers(0, 1000), num_frames=st.integers(1, PAGES_PER_SLOT - 1))
    def open(self, first: int, num_frames: int) -> None:
        self.opened += 1
        session_id = str(self.opened)
        open_session(self.scheduler, session_id, tuple(range(first, first + num_frames)))
        self.frames[session_id] = first + num_frames

    @precondition(lambda self: self.frames)
    @rule(data=st.data(), times=st.integers(1, 2 * PAGES_PER_SLOT))
    def step(self, data: st.DataObject, times: int) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.frames)), min_size=1))
        for _ in range(times):
            plan = self.scheduler.plan(dict.fromkeys(chosen, ACTION), 2)
            written = {(f.placement.slot, f.placement.page) for f in plan.frames}
            assert len(written) == len(chosen)
            assert {f.session_id: f.frame_idx for f in plan.frames} == {
                session_id: self.frames[session_id] for session_id in chosen
            }
            self.scheduler.commit(plan)
            for session_id in chosen:
                self.frames[session_id] += 1

    @precondition(lambda self: self.frames)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        session_id = data.draw(st.sampled_from(sorted(self.frames)))
        self.scheduler.close(session_id)
        del self.frames[session_id]

    @invariant()
    def no_page_is_lost(self) -> None:
        self.scheduler.check_integrity()
        free = (MAX_SESSIONS - len(self.frames)) * PAGES_PER_SLOT
        assert self.scheduler.num_free_pages == free


TestOpenStepCloseStorm = OpenStepCloseStorm.TestCase
TestOpenStepCloseStorm.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
