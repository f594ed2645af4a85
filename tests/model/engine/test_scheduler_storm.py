"""Any mix of opens, passes, drafts and closes: no page is lost, no frame out of order."""

from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import DrawnFrame, FrameRequest, PassPlan

MAX_SESSIONS, MAX_ROWS = 4, 6
POLICIES = (SlidingWindow(3), SinkWindow(num_sinks=1, window=3))
LONGEST_CONTEXT = max(policy.max_frames for policy in POLICIES)
LENGTHS = st.sampled_from((None, None, 1, 2))


class Storm(RuleBasedStateMachine):
    """`frames`: newest frame of each session, by our own count."""

    def __init__(self) -> None:
        super().__init__()
        self.schedulers = {
            (policy, merge): Scheduler(
                policy,
                max_sessions=MAX_SESSIONS,
                batch_sizes=(2, 3, MAX_ROWS),
                max_drafts=2,
                max_joint=2,
                merge=merge,
            )
            for policy in POLICIES
            for merge in (True, False)
        }
        self.frames: dict[Scheduler, dict[str, int]] = {s: {} for s in self.schedulers.values()}
        self.names = count()

    @rule(first=st.integers(0, 1000), num_frames=st.integers(1, 3))
    def open(self, first: int, num_frames: int) -> None:
        name = str(next(self.names))
        for scheduler, frames in self.frames.items():
            if len(frames) < MAX_SESSIONS:
                scheduler.open(name, 1, range(first, first + num_frames))
                frames[name] = first + num_frames - 1

    @precondition(lambda self: any(self.frames.values()))
    @rule(pick=st.integers(0, 99), action=st.integers(0, 1), steps=st.integers(1, 3),
          context_length=LENGTHS, by=st.integers(0, 9))  # fmt: skip
    def begin(
        self, pick: int, action: int, steps: int, context_length: int | None, by: int
    ) -> None:
        for scheduler, frames in self.frames.items():
            session_id = sorted(frames)[pick % len(frames)]
            session = scheduler.session(session_id)
            if session.in_flight:
                continue
            request = FrameRequest(
                action=(float(action),),
                num_steps=steps,
                context_length=context_length,
                deadline_s=by,
            )
            kept = scheduler.begin(session_id, request)
            frames[session_id] += kept is not None and kept.is_finished

    @precondition(lambda self: any(self.frames.values()))
    @rule(pick=st.integers(0, 99), action=st.integers(0, 1), steps=st.integers(1, 3),
          context_length=LENGTHS)  # fmt: skip
    def draft(self, pick: int, action: int, steps: int, context_length: int | None) -> None:
        for scheduler, frames in self.frames.items():
            session_id = sorted(frames)[pick % len(frames)]
            session = scheduler.session(session_id)
            request = FrameRequest(
                action=(float(action),), num_steps=steps, context_length=context_length
            )
            is_full = len(session.drafts) == 2 or session.draft_of(request) is not None
            if not session.in_flight and not is_full:
                scheduler.draft(session_id, request)

    @precondition(lambda self: any(self.frames.values()))
    @rule(pick=st.integers(0, 99), num_frames=st.integers(1, 2))
    def draw_jointly(self, pick: int, num_frames: int) -> None:
        for scheduler, frames in self.frames.items():
            session_id = sorted(frames)[pick % len(frames)]
            if scheduler.session(session_id).in_flight:
                scheduler.begin_joint(session_id, num_frames)

    @precondition(lambda self: any(self.frames.values()))
    @rule(pick=st.integers(0, 99), context_length=st.integers(1, 2))
    def shorten(self, pick: int, context_length: int) -> None:
        for scheduler, frames in self.frames.items():
            session_id = sorted(frames)[pick % len(frames)]
            if scheduler.session(session_id).in_flight:
                scheduler.shorten_context(session_id, context_length)

    @precondition(lambda self: any(self.frames.values()))
    @rule(pick=st.integers(0, 99), is_cut=st.booleans())
    def roll_back(self, pick: int, is_cut: bool) -> None:
        """A draft or a frame is dropped; or all keys are lost and begun again."""
        for scheduler, frames in self.frames.items():
            session_id = sorted(frames)[pick % len(frames)]
            if is_cut:
                scheduler.reopen(session_id, tuple(scheduler.session(session_id).pages.context))
            else:
                scheduler.drop(session_id)

    @precondition(lambda self: any(self.frames.values()))
    @rule(pick=st.integers(0, 99))
    def close(self, pick: int) -> None:
        for scheduler, frames in self.frames.items():
            session_id = sorted(frames)[pick % len(frames)]
            scheduler.close(session_id)
            del frames[session_id]

    @rule(times=st.integers(1, 6))
    def run(self, times: int) -> None:
        for scheduler, frames in self.frames.items():
            for _ in range(times):
                plan = scheduler.plan_pass()
                if plan is None:
                    break
                check_plan(plan, is_urgent=scheduler.has_in_flight)
                for row in plan.finished:
                    frames[row.session_id] += not row.is_draft
                scheduler.commit(plan)

    @invariant()
    def nothing_is_lost(self) -> None:
        for (policy, _), scheduler in self.schedulers.items():
            frames = self.frames[scheduler]
            scheduler.check_integrity()
            num_pages = policy.max_frames + 1 + 2
            assert scheduler.num_free_pages == (MAX_SESSIONS - len(frames)) * num_pages
            for session_id, newest in frames.items():
                assert scheduler.session(session_id).pages.frame_idxs[-1] == newest


def check_plan(plan: PassPlan, *, is_urgent: bool) -> None:
    """Bounded, ordered, never empty, and a newcomer holds nobody up."""
    assert 0 < len(plan.rows) <= plan.batch_size <= MAX_ROWS
    assert any(not row.is_draft for row in plan.drawn) or plan.cached or not is_urgent
    joint = [row for row in plan.drawn if row.is_joint]
    places: dict[str, list[int]] = {}
    steps = {(row.session_id, row.placement.frame_idx, row.denoise_step) for row in plan.drawn}
    for one in joint:  # beside the frame it goes with, at its step
        assert (one.session_id, one.placement.frame_idx - 1, one.denoise_step) in steps
    assert not plan.dropped or len(plan.rows) == MAX_ROWS
    for row in plan.rows:
        if not (isinstance(row, DrawnFrame) and row.is_draft and row.branch):
            places.setdefault(row.session_id, []).append(row.placement.frame_idx)
    drawn = {row.session_id for row in plan.drawn}
    for session_id, frames in places.items():
        assert frames == sorted(set(frames))
        assert not is_urgent or session_id in drawn or len(frames) <= LONGEST_CONTEXT


TestStorm = Storm.TestCase
TestStorm.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
