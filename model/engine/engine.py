"""Plan a pass, run the pass, commit the pass: the loop that all sessions share.

`PassEngine` works with any `Runner` and knows no world, no network and no clock. First to read:
`engine/reference.py`, which computes the same frames for a single session without cache and
scheduler.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from model.cache.frame_store import ContextClip
from model.engine.rules import RequestRules
from model.engine.running.runner import Runner
from model.engine.scheduling.scheduler import Scheduler
from model.engine.speculation import Speculation, SpeculationStats
from model.engine.types import DrawnFrame, Frame, FrameRequest, PassPlan, PassResult
from model.place.state import State
from model.span import span


class PassEngine:
    """Generates the frames of all open sessions, in passes shared by the sessions.

    `begin` requests a session's next frame, `draft` begins a frame before the request; each
    `advance` runs a pass and returns the frames finished by the pass. Between two passes any
    session may open, close or begin. Synchronous; owned by a single thread.
    """

    def __init__(self, scheduler: Scheduler, runner: Runner, rules: RequestRules) -> None:
        self._scheduler = scheduler
        self._runner = runner
        self._rules = rules
        self._stats = SpeculationStats()
        self._finished_drafts: dict[tuple[str, int], Frame] = {}  # by session and branch

    @property
    def session_ids(self) -> tuple[str, ...]:
        return self._scheduler.session_ids

    @property
    def has_in_flight(self) -> bool:
        """Some session waits for a frame."""
        return self._scheduler.has_in_flight

    @property
    def speculation(self) -> Speculation:
        """Drafts so far: begun, accepted, discarded; seconds saved and wasted."""
        return self._stats.speculation

    def begin(self, session_id: str, request: FrameRequest) -> Frame | None:
        """Requests the session's next frame. Returns the frame if an equal request was drafted and
        is finished; else `advance` will return the frame.

        Raises KeyError for a session that is not open, RuntimeError for a session with a frame in
        flight, ValueError for a request that the engine cannot fulfil.
        """
        session = self._scheduler.session(session_id)
        drafts = (*session.drafts, *session.joint)
        accepted = self._scheduler.begin(session_id, self._rules.checked(request))
        for draft in drafts:
            if draft is not accepted and draft not in session.joint:
                self._discard(draft)
        if accepted is None:
            return None
        if accepted.is_finished:
            self._runner.keep_draft(session.uncached[-1].placement, accepted.branch)
        frame = self._finished_drafts.pop(accepted.key, None)
        self._stats.accept(accepted, frame)
        return frame

    def draft(self, session_id: str, request: FrameRequest) -> None:
        """Begins the session's next frame before the request; up to `max_drafts` of a session,
        under different requests. Drafts take passes in which no session waits for a frame, and rows
        that would be padding. A draft changes no frame of any session.

        Raises as `begin`; RuntimeError also for an equal draft or a draft too many.
        """
        self._scheduler.draft(session_id, self._rules.checked(request))
        self._stats.begin_drafts(1, are_joint=False)

    def draft_jointly(self, session_id: str, *, num_frames: int = 1) -> int:
        """Begins the frames after the frame in flight, under the same action and in the same
        passes: the speculation of the NFD paper (arXiv 2506.01380). While the action stays the
        same, `begin` returns these frames in order; another action discards them.

        A jointly denoised frame attends to the previous frame while the previous frame is still
        noisy, so the result differs from the frame generated sequentially and is marked `is_joint`.
        The frame in flight does not change. Returns the number of frames begun: 0 after the first
        denoise step.

        Raises KeyError for a session that is not open, RuntimeError for a session without a frame
        in flight, or for more than `max_joint` frames.
        """
        num_begun = self._scheduler.begin_joint(session_id, num_frames)
        self._stats.begin_drafts(num_begun, are_joint=True)
        return num_begun

    def shorten_context(self, session_id: str, *, context_length: int) -> bool:
        """The frame in flight attends to no more than the newest `context_length` frames, besides
        sinks, in the remaining denoise steps. The frame is ready sooner and differs. Joint frames
        are discarded. False, and nothing has changed, if the frame attends to no more already.

        Raises KeyError for a session that is not open, RuntimeError for a session without a frame
        in flight, ValueError for a wrong length.
        """
        shorter = self._rules.checked_context_length(context_length)
        dropped = self._scheduler.shorten_context(session_id, shorter)
        for joint in dropped or ():
            self._discard(joint)
        return dropped is not None

    def steps_left(self, session_id: str) -> int:
        """Denoise steps until the frame in flight is finished; 0 without a frame in flight. Raises
        KeyError if the session is not open."""
        in_flight = self._scheduler.session(session_id).in_flight
        return in_flight.request.num_steps - in_flight.denoise_step if in_flight else 0

    def is_drafting(self, session_id: str) -> bool:
        """A draft of the session is unfinished. Raises KeyError if the session is not open."""
        return bool(self._scheduler.session(session_id).unfinished_drafts)

    def advance(self, only: Collection[str] | None = None) -> list[Frame] | None:
        """Runs a pass, for the sessions in `only` if given. Returns the requested frames finished
        by the pass; None when there was nothing to do. After an exception every session is as
        before the pass, and may be advanced again."""
        with span("plan"):
            plan = self._scheduler.plan_pass(only)
        if plan is None:
            return None
        try:
            with span("pass"):
                result = self._runner.run(plan)
        except Exception:
            self._encode_lost_keys(plan)
            raise
        with span("commit"):
            self._scheduler.commit(plan)
            return self._requested_frames(plan, result)

    def load(
        self, session_id: str, seed: int, frame_idxs: Sequence[int], clip: ContextClip
    ) -> None:
        """Opens a session whose context is the clip; passes will encode the clip's frames. Raises
        ValueError for an open session, NoFreeSlotError when all slots are taken."""
        slot = self._scheduler.open(session_id, seed, frame_idxs, self._state_after(clip))
        self._runner.load(slot, clip)

    def reload(self, session_id: str, frame_idxs: Sequence[int], clip: ContextClip) -> None:
        """The session goes on from the clip. Drafts are discarded, a frame in flight begins
        again."""
        self._discard_drafts(session_id)
        slot = self._scheduler.reopen(session_id, frame_idxs, self._state_after(clip))
        self._runner.load(slot, clip)

    def context(self, session_id: str) -> tuple[tuple[int, ...], ContextClip]:
        """What the session's next frame will attend to: indices of the frames, and the frames."""
        pages = self._scheduler.session(session_id).pages
        clip = self._runner.read_context(pages.slot, list(pages.context.values()))
        return tuple(pages.context), clip

    def drop(self, session_id: str) -> None:
        """Forgets the session's frame in flight and all drafts of the session."""
        in_flight = self._scheduler.session(session_id).in_flight
        self._discard_drafts(session_id)
        if in_flight is not None:
            self._stats.take_spent_s(in_flight.key)
        self._scheduler.drop(session_id)

    def close(self, session_id: str) -> None:
        """Frees the session's pages. Raises KeyError if the session is not open."""
        self.drop(session_id)
        self._scheduler.close(session_id)
        self._stats.take_spent_s((session_id, 0))  # an idle pass may have written its keys

    def check_integrity(self) -> None:
        """Asserts: no page is lost, no page is shared. For tests and idle moments."""
        self._scheduler.check_integrity()

    def _requested_frames(self, plan: PassPlan, result: PassResult) -> list[Frame]:
        """Accounts for the pass and keeps its finished drafts; the other finished frames."""
        self._stats.spend(plan, result.denoise_s)
        for row in plan.dropped:
            self._discard(row)
        requested = []
        for row, frame in zip(plan.finished, self._frames(plan, result), strict=True):
            if row.is_draft:
                self._finished_drafts[row.key] = frame
            else:
                requested.append(frame)
        return requested

    def _frames(self, plan: PassPlan, result: PassResult) -> list[Frame]:
        return [
            Frame(
                session_id=row.session_id,
                frame_idx=row.placement.frame_idx,
                image=image,
                num_steps=row.request.num_steps,
                denoise_s=self._stats.take_spent_s(row.key),
                decode_s=result.decode_s / (len(plan.finished) if row.is_joint else 1),
                is_speculative=row.is_draft,
                is_joint=row.is_joint,
                state=row.state,
                is_finite=is_finite,
            )
            for row, image, is_finite in zip(
                plan.finished, result.images, result.are_finite, strict=True
            )
        ]

    def _state_after(self, clip: ContextClip) -> State:
        """The player's state after the clip's newest frame, which stands behind the frame's action;
        empty in a world without a place."""
        return tuple(clip.actions_FA[-1, self._rules.action_size :].tolist())

    def _encode_lost_keys(self, plan: PassPlan) -> None:
        """After a failed pass. A session that had rows after the row that writes a frame's keys may
        have lost keys that the session still needs; its whole context is encoded anew."""
        cached = [row.session_id for row in plan.cached]
        after = {row.session_id for row in plan.drawn}.union(
            session_id for session_id, number in Counter(cached).items() if number > 1
        )
        for session_id in after.intersection(cached):
            self.reload(session_id, *self.context(session_id))

    def _discard_drafts(self, session_id: str) -> None:
        session = self._scheduler.session(session_id)
        for draft in (*session.drafts, *session.joint):
            self._discard(draft)

    def _discard(self, draft: DrawnFrame) -> None:
        self._stats.discard(draft, self._finished_drafts.pop(draft.key, None))
