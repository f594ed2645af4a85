"""Passes: what the scheduler plans, the runner does and the ledger writes down, kept in step.

Works with any `Runner`; knows no world and no clock.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from model.cache.frame_store import ContextClip
from model.engine.running.runner import Runner
from model.engine.scheduling.scheduler import Scheduler
from model.engine.scheduling.session import Session
from model.engine.speculation import Ledger, Speculation
from model.engine.types import Frame, FrameRequest, PassPlan, PassResult
from model.place.state import State
from model.span import span


class Passes:
    """Between two passes anything may open, close or begin; nothing is half done then."""

    def __init__(
        self, scheduler: Scheduler, runner: Runner, *, action_size: int | None = None
    ) -> None:
        """`action_size`: what a clip's frames are told behind so many numbers is their state; None:
        they have none."""
        self._scheduler = scheduler
        self._runner = runner
        self._action_size = action_size
        self._ledger = Ledger()

    @property
    def speculation(self) -> Speculation:
        return self._ledger.speculation

    def load(
        self, session_id: str, seed: int, frame_idxs: Sequence[int], clip: ContextClip
    ) -> None:
        """A new session whose context is the clip; passes will encode it."""
        slot = self._scheduler.open(session_id, seed, frame_idxs, self._state_after(clip))
        self._runner.load(slot, clip)

    def reload(self, session_id: str, frame_idxs: Sequence[int], clip: ContextClip) -> None:
        """The session goes on from the clip. What was due begins again."""
        self._discard_drafts(self._scheduler.session(session_id))
        slot = self._scheduler.reopen(session_id, frame_idxs, self._state_after(clip))
        self._runner.load(slot, clip)

    def context(self, session_id: str) -> tuple[tuple[int, ...], ContextClip]:
        """What the session's next frame will attend to: frame indices, and the frames."""
        pages = self._scheduler.session(session_id).pages
        clip = self._runner.read_context(pages.slot, list(pages.context.values()))
        return tuple(pages.context), clip

    def begin(self, session_id: str, request: FrameRequest) -> Frame | None:
        """As `WorldEngine.begin`."""
        session = self._scheduler.session(session_id)
        drafts = (*session.drafts, *session.joint)
        kept = self._scheduler.begin(session_id, request)
        for draft in drafts:
            if draft is not kept and draft not in session.joint:
                self._ledger.discard(draft)
        if kept is None:
            return None
        if kept.is_finished:
            self._runner.keep_draft(session.unremembered[-1].placement, kept.branch)
        return self._ledger.accept(kept)

    def draft(self, session_id: str, request: FrameRequest) -> None:
        """As `WorldEngine.draft`."""
        self._scheduler.draft(session_id, request)
        self._ledger.begin_drafts(1, are_joint=False)

    def draft_jointly(self, session_id: str, num_frames: int) -> int:
        """As `WorldEngine.draft_jointly`."""
        num_begun = self._scheduler.begin_joint(session_id, num_frames)
        self._ledger.begin_drafts(num_begun, are_joint=True)
        return num_begun

    def hasten(self, session_id: str, memory: int | None) -> bool:
        """As `WorldEngine.hasten`."""
        dropped = self._scheduler.hasten(session_id, memory)
        for joint in dropped or ():
            self._ledger.discard(joint)
        return dropped is not None

    def drop(self, session_id: str) -> None:
        """What the session was drawing or has drafted is forgotten."""
        session = self._scheduler.session(session_id)
        self._discard_drafts(session)
        if session.due is not None:
            self._ledger.finish(session_id, session.due.branch)
        self._scheduler.drop(session_id)

    def advance(self, only: Collection[str] | None) -> list[Frame] | None:
        """As `WorldEngine.advance`."""
        with span("plan"):
            plan = self._scheduler.plan_pass(only)
        if plan is None:
            return None
        try:
            with span("pass"):
                result = self._runner.run(plan)
        except Exception:
            self._mend(plan)
            raise
        with span("commit"):
            self._scheduler.commit(plan)
            return self._account(plan, result)

    def _account(self, plan: PassPlan, result: PassResult) -> list[Frame]:
        """What the pass was spent on; the frames that somebody asked for."""
        self._ledger.spend(plan, result.denoise_s)
        for row in plan.dropped:
            self._ledger.discard(row)
        frames = self._frames(plan, result)
        for frame, row in zip(frames, plan.finished, strict=True):
            if row.is_draft:
                self._ledger.keep(row, frame)
        return [frame for frame in frames if not frame.is_speculative]

    def close(self, session_id: str) -> None:
        self.drop(session_id)
        self._scheduler.close(session_id)
        self._ledger.finish(session_id, 0)  # what an idle pass remembered

    def _frames(self, plan: PassPlan, result: PassResult) -> list[Frame]:
        return [
            Frame(
                session_id=row.session_id,
                frame_idx=row.placement.frame_idx,
                picture=picture,
                num_steps=row.request.num_steps,
                denoise_s=self._ledger.finish(row.session_id, row.branch),
                decode_s=result.decode_s / (len(plan.finished) if row.is_joint else 1),
                is_speculative=row.is_draft,
                is_joint=row.is_joint,
                state=row.state,
                is_finite=is_finite,
            )
            for row, picture, is_finite in zip(
                plan.finished, result.pictures, result.are_finite, strict=True
            )
        ]

    def _mend(self, plan: PassPlan) -> None:
        """Sessions that went on after remembering a frame, in a pass that failed, may have lost
        keys that they still need; those are encoded anew."""
        remembered = [row.session_id for row in plan.remembered]
        after = {row.session_id for row in plan.drawn}.union(
            session_id for session_id, number in Counter(remembered).items() if number > 1
        )
        for session_id in after.intersection(remembered):
            self.reload(session_id, *self.context(session_id))

    def _state_after(self, clip: ContextClip) -> State:
        if self._action_size is None:
            return ()
        return tuple(clip.actions_FA[-1, self._action_size :].tolist())

    def _discard_drafts(self, session: Session) -> None:
        for draft in (*session.drafts, *session.joint):
            self._ledger.discard(draft)
