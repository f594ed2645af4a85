"""Which rows are in the next pass. Plain integers; imports no torch, reads no clock.

`plan_pass` decides and changes nothing; `commit` applies a plan after the runner has run the plan.
If the runner fails in between, nothing has changed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from model.cache.page_pool import PagePool
from model.cache.page_table import PageTable
from model.context.policy import ContextPolicy
from model.engine.scheduling.rows import PassRows
from model.engine.scheduling.session import Session
from model.engine.types import DrawnFrame, FrameRequest, PassPlan
from model.place.state import Advance, State, stateless

PREFILL_ROWS = 1  # of a pass while others play: a frame may be requested before the pass ends


class Scheduler:
    """Owns the open sessions, the sessions' pages, and the progress of each session's next frame.

    A pass has at most `batch_sizes[-1]` rows. Frames in flight go first, earliest deadline first.
    Sessions in prefill get a row of a pass, or the whole pass when no other session is open. Joint
    frames get free rows, and are dropped without a free row. Drafts get rows that would be padding,
    or a pass without other rows.
    """

    def __init__(
        self,
        policy: ContextPolicy,
        *,
        max_sessions: int,
        batch_sizes: Sequence[int],
        max_drafts: int = 1,
        max_joint: int = 0,
        merge: bool = True,
        advance: Advance = stateless,
    ) -> None:
        """A pass is padded to the next of `batch_sizes`. `max_drafts`, `max_joint`: of a session.
        `merge`: a frame may be cached in the pass that begins the next frame; else in a pass
        before. `advance`: the player's state after an action. Raises ValueError for too small
        passes, or for more joint frames than can wait."""
        if not batch_sizes or max(batch_sizes) < 2 * PREFILL_ROWS:
            raise ValueError(f"a pass needs at least {2 * PREFILL_ROWS} rows, got {batch_sizes}")
        num_newest = policy.max_frames - policy.num_sinks
        if max_joint >= num_newest:  # the last would take a page that the first attends to
            raise ValueError(f"{max_joint} joint frames need more than {num_newest} newest ones")
        self._policy = policy
        self._batch_sizes = sorted(batch_sizes)
        self._max_drafts = max_drafts
        self._max_joint = max_joint
        self._merge = merge
        self._advance = advance
        pages_per_slot = policy.max_frames + 1 + max_joint
        self._pool = PagePool(num_slots=max_sessions, pages_per_slot=pages_per_slot)
        self._sessions: dict[str, Session] = {}

    @property
    def session_ids(self) -> tuple[str, ...]:
        return tuple(self._sessions)

    @property
    def num_free_pages(self) -> int:
        return self._pool.num_free_pages

    @property
    def has_in_flight(self) -> bool:
        """Some session waits for a requested frame."""
        return any(session.in_flight for session in self._sessions.values())

    def session(self, session_id: str) -> Session:
        """Raises KeyError if the session is not open."""
        if session_id not in self._sessions:
            raise KeyError(f"session {session_id!r} is not open")
        return self._sessions[session_id]

    def open(self, session_id: str, seed: int, frame_idxs: Sequence[int], state: State = ()) -> int:
        """Opens a session whose context is the given frames, the newest last; `state` is the
        player's after the newest frame. Returns the slot; pages 0, 1, ... of the slot will hold the
        frames.

        Raises ValueError for an open session or frames that the policy would not keep,
        NoFreeSlotError when all slots are taken.
        """
        if session_id in self._sessions:
            raise ValueError(f"session {session_id!r} is open already")
        pages = PageTable(self._policy, self._pool.peek(), frame_idxs)
        self._sessions[session_id] = Session(
            session_id=session_id, seed=seed, pages=pages, state=state, advance=self._advance
        )
        return self._pool.take()

    def reopen(self, session_id: str, frame_idxs: Sequence[int], state: State = ()) -> int:
        """The session goes on from the given frames, in pages 0, 1, ... of the returned slot. A
        frame in flight begins again, all drafts are gone. Raises as `open`."""
        session = self.session(session_id)
        session.pages = PageTable(self._policy, session.pages.slot, frame_idxs)
        session.mark_all_uncached()
        session.drafts = session.joint = ()
        session.state = state
        if session.in_flight is not None:
            where = session.pages.placement_with(session.in_flight.request.context_length)
            after = session.advance(state, session.in_flight.request.action)
            session.in_flight = replace(
                session.in_flight, denoise_step=0, placement=where, state=after
            )
        return session.pages.slot

    def begin(self, session_id: str, request: FrameRequest) -> DrawnFrame | None:
        """Requests the session's next frame. Returns the draft of an equal request, if any: a
        finished draft becomes the newest frame at once, an unfinished draft is in flight now. Other
        drafts are gone; joint frames too, unless the returned draft is the first joint frame.

        Raises KeyError if the session is not open, RuntimeError if the session has a frame in
        flight.
        """
        session = self.session(session_id)
        if session.in_flight is not None:
            raise RuntimeError(f"session {session_id!r} has a frame in flight")
        draft = session.draft_of(request)
        session.drafts, session.deadline_s = (), request.deadline_s
        session.joint = session.joint[1:] if draft is not None and draft.is_joint else ()
        if draft is None:
            session.in_flight = session.new_frame(request, is_draft=False, branch=0)
        elif draft.is_finished:
            session.append(draft)
        else:
            session.in_flight = replace(draft, is_draft=False)
        return draft

    def draft(self, session_id: str, request: FrameRequest) -> None:
        """Begins the session's next frame before the request. Raises KeyError if the session is not
        open, RuntimeError for a session with a frame in flight, an equal draft, or `max_drafts`
        drafts."""
        session = self.session(session_id)
        branch = len(session.drafts)
        is_known = session.draft_of(request) is not None
        if session.in_flight is not None or is_known or branch == self._max_drafts:
            raise RuntimeError(
                f"session {session_id!r} has a frame in flight, this draft or too many drafts"
            )
        draft = session.new_frame(request, is_draft=True, branch=branch)
        session.drafts, session.deadline_s = (*session.drafts, draft), request.deadline_s

    def begin_joint(self, session_id: str, num_frames: int) -> int:
        """Begins the frames after the frame in flight, under the same action and in the same
        passes. Returns their number: 0 after the first denoise step. Raises KeyError if the session
        is not open, RuntimeError for a session without a frame in flight, or for more than
        `max_joint` frames."""
        session = self.session(session_id)
        in_flight = session.in_flight
        if in_flight is None or num_frames > self._max_joint:
            raise RuntimeError(f"session {session_id!r} cannot have {num_frames} joint frames now")
        if in_flight.denoise_step or session.joint:
            return 0
        session.joint = tuple(
            session.joint_frame(in_flight, ahead, branch=self._max_drafts + ahead - 1)
            for ahead in range(1, num_frames + 1)
        )
        return num_frames

    def shorten_context(
        self, session_id: str, context_length: int | None
    ) -> tuple[DrawnFrame, ...] | None:
        """From the next denoise step on, the frame in flight attends to no more than the newest
        `context_length` frames, and its keys are computed with the same length. Joint frames would
        delay the frame: they are dropped and returned. None, and nothing has changed, if the frame
        attends to no more already.

        Raises KeyError if the session is not open, RuntimeError for a session without a frame in
        flight.
        """
        session = self.session(session_id)
        in_flight = session.in_flight
        if in_flight is None:
            raise RuntimeError(f"session {session_id!r} has no frame in flight")
        seen = in_flight.request.context_length
        if context_length is None or (seen is not None and seen <= context_length):
            return None
        where = session.pages.placement_with(context_length)
        if where is in_flight.placement:  # nothing more has been there to see
            return None
        request = replace(in_flight.request, context_length=context_length)
        session.in_flight = replace(in_flight, request=request, placement=where)
        dropped, session.joint = session.joint, ()
        return dropped

    def drop(self, session_id: str) -> None:
        """Forgets the session's frame in flight and all drafts, whose page the next frame will
        overwrite."""
        session = self.session(session_id)
        session.in_flight, session.drafts, session.joint = None, (), ()

    def plan_pass(self, only: Collection[str] | None = None) -> PassPlan | None:
        """The next pass, of the sessions in `only` if given; None when there is nothing to do."""
        sessions: Collection[Session] = self._sessions.values()
        if only is not None:
            sessions = [session for session in sessions if session.session_id in only]
        waiting, in_prefill, drafting = _by_need(sessions)
        rows = PassRows(self._batch_sizes, merge=self._merge)
        is_played = len(in_prefill) < len(sessions)
        reserved = PREFILL_ROWS if in_prefill else 0
        drawing = [
            session
            for session, frames in waiting
            if rows.draw(session, frames, rows.num_free - reserved)
        ]
        for session in in_prefill:
            rows.cache(session, min(rows.num_free, PREFILL_ROWS) if is_played else rows.num_free)
        for session in drawing:
            rows.draw_along(session.joint)
        for session, frames in drafting:
            rows.draw(session, frames, rows.num_free if rows.is_empty else rows.num_padding)
        if rows.is_empty:
            for session in sessions:
                rows.cache(session, rows.num_free)
        return None if rows.is_empty else rows.plan()

    def commit(self, plan: PassPlan) -> None:
        for row in plan.dropped:
            session = self._sessions[row.session_id]
            session.joint = tuple(joint for joint in session.joint if joint is not row)
        for cached in plan.cached:
            session = self._sessions[cached.session_id]
            assert session.uncached[0] is cached, "a stale plan"
            session.uncached = session.uncached[1:]
            session.is_in_prefill = session.is_in_prefill and bool(session.uncached)
        for row in plan.drawn:
            session = self._sessions[row.session_id]
            if row.is_joint:
                session.joint = _advanced(session.joint, row)
            elif row.is_draft:
                session.drafts = _advanced(session.drafts, row)
            else:
                assert session.in_flight is row, "a stale plan"
                session.in_flight = row.advanced()
                if session.in_flight.is_finished:
                    session.append(session.in_flight)

    def close(self, session_id: str) -> None:
        """Returns the session's pages to the pool. Raises KeyError if the session is not open."""
        self._pool.give_back(self.session(session_id).pages.slot)
        del self._sessions[session_id]

    def check_integrity(self) -> None:
        """Asserts: every page belongs to exactly 1 session or is free."""
        self._pool.check_integrity()
        slots = [session.pages.slot for session in self._sessions.values()]
        assert len(set(slots)) == len(slots), f"two sessions in one slot: {slots}"
        num_taken = self._pool.num_slots - self._pool.num_free_pages // self._pool.pages_per_slot
        assert len(slots) == num_taken, "a taken slot without a session"
        for session in self._sessions.values():
            session.check_integrity()


_Candidate = tuple[Session, tuple[DrawnFrame, ...]]  # a session and its frames for the next pass


def _by_need(
    sessions: Iterable[Session],
) -> tuple[list[_Candidate], list[Session], list[_Candidate]]:
    """Frames in flight; sessions in prefill; unfinished drafts. Earliest deadline first."""
    waiting: list[_Candidate] = []
    in_prefill: list[Session] = []
    drafting: list[_Candidate] = []
    for session in sessions:
        if session.in_flight is not None:
            waiting.append((session, (session.in_flight,)))
        elif session.is_in_prefill:
            in_prefill.append(session)
        elif unfinished := session.unfinished_drafts:
            drafting.append((session, unfinished))
    return sorted(waiting, key=_deadline), in_prefill, sorted(drafting, key=_deadline)


def _deadline(candidate: _Candidate) -> tuple[float, int]:
    session, _ = candidate
    return session.deadline_s, session.pages.slot


def _advanced(frames: tuple[DrawnFrame, ...], row: DrawnFrame) -> tuple[DrawnFrame, ...]:
    return tuple(frame.advanced() if frame is row else frame for frame in frames)
