"""Decisions are integers: who, where, in which pass. No tensor is needed to test them."""

import pytest

from model.cache.page_pool import NoFreeSlotError
from model.context.sliding_window import SlidingWindow
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import FrameRequest, PassPlan

ACTION, OTHER = (0.0,), (1.0,)
MAX_SESSIONS = 4
WINDOW = 3


def make_scheduler(batch_sizes: tuple[int, ...] = (2, 4, 8), *, merge: bool = True) -> Scheduler:
    return Scheduler(
        SlidingWindow(WINDOW),
        max_sessions=MAX_SESSIONS,
        batch_sizes=batch_sizes,
        max_drafts=2,
        max_joint=2,
        merge=merge,
    )


def open_all(scheduler: Scheduler, *session_ids: str) -> None:
    """Open, and ready for their first frame."""
    for session_id in session_ids:
        scheduler.open(session_id, 1, (0,))
        run_pass(scheduler)


def begin(scheduler: Scheduler, session_id: str, *, steps: int = 2, by: float = 0.0) -> None:
    request = FrameRequest(action=ACTION, num_steps=steps, deadline_s=by)
    assert not scheduler.begin(session_id, request)


def run_pass(scheduler: Scheduler) -> PassPlan:
    plan = scheduler.plan_pass()
    assert plan is not None
    scheduler.commit(plan)
    scheduler.check_integrity()
    return plan


def rows(plan: PassPlan) -> list[tuple[str, int, int | None]]:
    """(session, frame, denoise step); None: cached."""
    cached = [(row.session_id, row.placement.frame_idx, None) for row in plan.cached]
    drawn = [(row.session_id, row.placement.frame_idx, row.denoise_step) for row in plan.drawn]
    return [*cached, *drawn]


def test_a_frame_is_cached_in_the_pass_that_begins_the_next() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    begin(scheduler, "a")
    assert rows(run_pass(scheduler)) == [("a", 1, 0)]
    assert rows(run_pass(scheduler)) == [("a", 1, 1)]
    begin(scheduler, "a")
    assert rows(run_pass(scheduler)) == [("a", 1, None), ("a", 2, 0)]


def test_without_merging_it_is_cached_before() -> None:
    scheduler = make_scheduler(merge=False)
    open_all(scheduler, "a")
    begin(scheduler, "a", steps=1)
    run_pass(scheduler)
    begin(scheduler, "a", steps=1)
    assert rows(run_pass(scheduler)) == [("a", 1, None)]
    assert rows(run_pass(scheduler)) == [("a", 2, 0)]


def test_idle_passes_cache_what_is_left_and_then_there_is_nothing_to_do() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    begin(scheduler, "a", steps=1)
    run_pass(scheduler)
    assert rows(run_pass(scheduler)) == [("a", 1, None)]
    assert scheduler.plan_pass() is None


def test_sessions_at_different_denoise_steps_share_a_pass() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a", "b")
    begin(scheduler, "a", steps=3)
    run_pass(scheduler)
    begin(scheduler, "b", steps=1)
    plan = run_pass(scheduler)
    assert sorted(rows(plan)) == [("a", 1, 1), ("b", 1, 0)]
    assert [row.session_id for row in plan.finished] == ["b"]


def test_the_earliest_deadline_goes_first_when_a_pass_is_full() -> None:
    scheduler = make_scheduler(batch_sizes=(2,))
    open_all(scheduler, "a", "b", "c")
    for session_id, by in (("a", 0.3), ("b", 0.1), ("c", 0.2)):
        begin(scheduler, session_id, steps=1, by=by)
    assert rows(run_pass(scheduler)) == [("b", 1, 0), ("c", 1, 0)]
    assert rows(run_pass(scheduler)) == [("a", 1, 0)]


def test_a_newcomer_takes_one_row_of_a_pass_that_somebody_waits_for() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    begin(scheduler, "a", steps=3)
    scheduler.open("new", 1, (0, 1, 2))
    for frame in range(3):
        assert rows(run_pass(scheduler)) == [("new", frame, None), ("a", 1, frame)]
    assert not scheduler.session("new").is_in_prefill


def test_a_newcomer_alone_takes_the_whole_pass() -> None:
    scheduler = make_scheduler()
    scheduler.open("new", 1, (0, 1, 2))
    assert rows(run_pass(scheduler)) == [("new", 0, None), ("new", 1, None), ("new", 2, None)]


def test_a_full_pass_still_lets_the_newcomer_in_and_the_player_through() -> None:
    scheduler = make_scheduler(batch_sizes=(2,))
    open_all(scheduler, "a")
    begin(scheduler, "a", steps=1)
    run_pass(scheduler)
    begin(scheduler, "a", steps=1)
    scheduler.open("new", 1, (0, 1))
    assert rows(run_pass(scheduler)) == [("a", 1, None), ("new", 0, None)]
    assert rows(run_pass(scheduler)) == [("new", 1, None), ("a", 2, 0)]


def test_passes_and_pictures_are_padded_to_the_next_size() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a", "b", "c")
    for session_id, steps in (("a", 1), ("b", 2), ("c", 2)):
        begin(scheduler, session_id, steps=steps)
    plan = run_pass(scheduler)
    assert (len(plan.rows), plan.batch_size, plan.decode_size) == (3, 4, 2)


def test_a_draft_waits_until_nobody_else_does() -> None:
    scheduler = make_scheduler(batch_sizes=(1, 2, 3))
    open_all(scheduler, "a", "b")
    begin(scheduler, "a", steps=1)
    scheduler.draft("b", FrameRequest(action=ACTION, num_steps=1))
    assert rows(run_pass(scheduler)) == [("a", 1, 0)]
    assert rows(run_pass(scheduler)) == [("b", 1, 0)]


def test_a_draft_takes_rows_that_would_be_padding() -> None:
    scheduler = make_scheduler(batch_sizes=(2, 4))
    open_all(scheduler, "a", "b")
    begin(scheduler, "a", steps=1)
    scheduler.draft("b", FrameRequest(action=ACTION, num_steps=1))
    assert rows(run_pass(scheduler)) == [("a", 1, 0), ("b", 1, 0)]


def test_a_draft_of_the_action_that_comes_is_the_frame() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    scheduler.draft("a", FrameRequest(action=ACTION, num_steps=1))
    run_pass(scheduler)
    assert scheduler.session("a").pages.frame_idxs == (0,)
    assert scheduler.begin("a", FrameRequest(action=ACTION, num_steps=1))
    assert scheduler.session("a").pages.frame_idxs == (0, 1)
    assert not scheduler.has_in_flight


def test_a_draft_half_done_goes_on_as_the_frame() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    scheduler.draft("a", FrameRequest(action=ACTION, num_steps=2))
    run_pass(scheduler)
    assert scheduler.begin("a", FrameRequest(action=ACTION, num_steps=2))
    assert scheduler.has_in_flight
    assert rows(run_pass(scheduler)) == [("a", 1, 1)]
    assert scheduler.session("a").pages.frame_idxs == (0, 1)


@pytest.mark.parametrize(
    ("action", "steps", "context_length"), [(OTHER, 1, None), (ACTION, 2, None), (ACTION, 1, 1)]
)
def test_any_other_draft_is_forgotten(
    action: tuple[float, ...], steps: int, context_length: int | None
) -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    scheduler.draft("a", FrameRequest(action=ACTION, num_steps=1))
    drafted = run_pass(scheduler)
    request = FrameRequest(action=action, num_steps=steps, context_length=context_length)
    assert not scheduler.begin("a", request)
    again = run_pass(scheduler)
    assert rows(again) == [("a", 1, 0)]
    assert again.placements == drafted.placements


def test_branches_share_a_pass_and_a_page_and_the_right_one_stays() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    for action in (ACTION, OTHER):
        scheduler.draft("a", FrameRequest(action=action, num_steps=1))
    plan = run_pass(scheduler)
    assert [(row.request.action, row.branch) for row in plan.drawn] == [(ACTION, 0), (OTHER, 1)]
    assert len(set(plan.placements)) == 1
    kept = scheduler.begin("a", FrameRequest(action=OTHER, num_steps=1))
    assert kept is not None and kept.branch == 1
    assert scheduler.session("a").pages.frame_idxs == (0, 1)
    assert scheduler.session("a").drafts == ()


def begin_joint(scheduler: Scheduler, session_id: str, num_frames: int = 1) -> None:
    begin(scheduler, session_id)
    assert scheduler.begin_joint(session_id, num_frames) == num_frames


def test_joint_frames_go_step_by_step_with_the_one_before_them() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    begin_joint(scheduler, "a", 2)
    for step in range(2):
        assert rows(run_pass(scheduler)) == [("a", 1, step), ("a", 2, step), ("a", 3, step)]
    assert scheduler.session("a").pages.frame_idxs == (0, 1)
    for newest in (2, 3):
        kept = scheduler.begin("a", FrameRequest(action=ACTION, num_steps=2))
        assert kept is not None and kept.is_joint
        assert scheduler.session("a").pages.frame_idxs[-1] == newest
    assert rows(run_pass(scheduler)) == [("a", frame, None) for frame in (1, 2, 3)]


@pytest.mark.parametrize(("action", "steps"), [(OTHER, 2), (ACTION, 1)])
def test_joint_frames_end_with_the_first_wrong_action(
    action: tuple[float, ...], steps: int
) -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    begin_joint(scheduler, "a", 2)
    run_pass(scheduler)
    run_pass(scheduler)
    assert scheduler.begin("a", FrameRequest(action=ACTION, num_steps=2))
    assert not scheduler.begin("a", FrameRequest(action=action, num_steps=steps))
    assert scheduler.session("a").joint == ()
    assert rows(run_pass(scheduler))[-1] == ("a", 3, 0)


def test_joint_frames_make_room_for_who_is_due_and_are_gone() -> None:
    scheduler = make_scheduler(batch_sizes=(3,))
    open_all(scheduler, "a", "b")
    begin_joint(scheduler, "a", 2)
    begin(scheduler, "b")
    plan = run_pass(scheduler)
    assert rows(plan) == [("a", 1, 0), ("b", 1, 0), ("a", 2, 0)]
    assert [row.placement.frame_idx for row in plan.dropped] == [3]
    assert rows(run_pass(scheduler)) == [("a", 1, 1), ("b", 1, 1), ("a", 2, 1)]


def test_joint_frames_only_beside_a_frame_that_has_not_begun() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    with pytest.raises(RuntimeError, match="'a' cannot have 1 joint frames"):
        scheduler.begin_joint("a", 1)
    begin(scheduler, "a")
    with pytest.raises(RuntimeError, match="'a' cannot have 3 joint frames"):
        scheduler.begin_joint("a", 3)
    run_pass(scheduler)
    assert scheduler.begin_joint("a", 1) == 0


def test_a_plan_that_is_not_committed_leaves_no_trace() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    begin(scheduler, "a")
    assert scheduler.plan_pass() == scheduler.plan_pass()


def test_drafts_are_different_and_not_too_many() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    scheduler.draft("a", FrameRequest(action=ACTION, num_steps=1))
    for action in (ACTION, OTHER, (2.0,)):
        if action == OTHER:
            scheduler.draft("a", FrameRequest(action=action, num_steps=1))
            continue
        with pytest.raises(RuntimeError, match="'a' has a frame in flight, this draft"):
            scheduler.draft("a", FrameRequest(action=action, num_steps=1))


def test_one_frame_of_a_session_at_a_time() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, "a")
    begin(scheduler, "a")
    with pytest.raises(RuntimeError, match="'a' has a frame in flight"):
        begin(scheduler, "a")
    with pytest.raises(RuntimeError, match="'a' has a frame in flight, this draft"):
        scheduler.draft("a", FrameRequest(action=ACTION, num_steps=1))


def test_a_full_house_refuses_and_a_name_is_taken_once() -> None:
    scheduler = make_scheduler()
    open_all(scheduler, *map(str, range(MAX_SESSIONS)))
    with pytest.raises(NoFreeSlotError):
        scheduler.open("more", 1, (0,))
    with pytest.raises(ValueError, match="'0' is open already"):
        scheduler.open("0", 1, (0,))
    with pytest.raises(KeyError, match="'x' is not open"):
        scheduler.close("x")


def test_a_pass_must_hold_a_pair() -> None:
    with pytest.raises(ValueError, match="at least 2 rows"):
        make_scheduler(batch_sizes=(1,))
