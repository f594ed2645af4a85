"""Who is in the next pass. Plain integers; imports no torch, reads no clock.

`plan_pass` decides and changes nothing; `commit` makes a pass that was run true. Between them the
runner may fail, and nothing has happened.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from model.cache.page_pool import PagePool
from model.cache.page_table import PageTable
from model.context.policy import ContextPolicy
from model.engine.session import Drawing, Session
from model.engine.types import ActionVector, DrawnFrame, PassPlan, RememberedFrame

OPENING_ROWS = 1  # of a pass while others play: somebody may be due before it ends


class Scheduler:
    """Owns the open sessions, their pages, and how far each has come with its next frame.

    Frames that somebody waits for go first, earliest deadline first; each pass has at most
    `batch_sizes[-1]` rows. Newcomers' opening frames get one row of a pass, and all of it when
    nobody plays. Drafts get what would be padding, or the pass that nobody else wants.
    """

    def __init__(
        self,
        policy: ContextPolicy,
        *,
        max_sessions: int,
        batch_sizes: Sequence[int],
        max_drafts: int = 1,
        merge: bool = True,
    ) -> None:
        """A pass is padded to the next of `batch_sizes`. `max_drafts`: of one session. `merge`: a
        frame may be remembered in the pass that begins the next one; without, in its own."""
        if not batch_sizes or max(batch_sizes) < 2 * OPENING_ROWS:
            raise ValueError(f"a pass needs at least {2 * OPENING_ROWS} rows, got {batch_sizes}")
        self._policy = policy
        self._batch_sizes = sorted(batch_sizes)
        self._max_drafts = max_drafts
        self._merge = merge
        self._pool = PagePool(num_slots=max_sessions, pages_per_slot=policy.max_frames + 1)
        self._sessions: dict[str, Session] = {}

    @property
    def session_ids(self) -> tuple[str, ...]:
        return tuple(self._sessions)

    @property
    def num_free_pages(self) -> int:
        return self._pool.num_free_pages

    @property
    def is_due(self) -> bool:
        """Somebody waits for a frame."""
        return any(session.due for session in self._sessions.values())

    def session(self, session_id: str) -> Session:
        """Raises KeyError for a session that is not open."""
        if session_id not in self._sessions:
            raise KeyError(f"session {session_id!r} is not open")
        return self._sessions[session_id]

    def open(self, session_id: str, seed: int, frame_idxs: Sequence[int]) -> int:
        """A session whose context is these frames, the newest last. Returns its slot, whose pages
        0, 1, ... are to hold them.

        Raises ValueError for a session already open or frames that the policy would not keep,
        NoFreeSlotError when all slots are taken.
        """
        if session_id in self._sessions:
            raise ValueError(f"session {session_id!r} is open already")
        pages = PageTable(self._policy, self._pool.peek(), frame_idxs)
        self._sessions[session_id] = Session(
            session_id=session_id, seed=seed, pages=pages, unremembered=pages.given()
        )
        return self._pool.take()

    def reopen(self, session_id: str, frame_idxs: Sequence[int]) -> int:
        """The session goes on from these frames, anew in pages 0, 1, ... of its slot, which is
        returned. What it was drawing begins again, a draft is gone. Raises as `open`."""
        session = self.session(session_id)
        session.pages = PageTable(self._policy, session.pages.slot, frame_idxs)
        session.unremembered = session.pages.given()
        session.drafts = ()
        if session.due is not None:
            where = session.pages.placement
            session.due = replace(session.due, denoise_step=0, placement=where)
        return session.pages.slot

    def begin(
        self, session_id: str, action: ActionVector, *, num_steps: int, deadline_s: float
    ) -> Drawing | None:
        """Somebody waits for the session's next frame. Returns the draft that is that very frame,
        if there is one: it is the newest frame at once if it is finished, and due if it is not.
        Other drafts are gone.

        Raises KeyError for a session that is not open, RuntimeError for one already due.
        """
        session = self.session(session_id)
        if session.due is not None:
            raise RuntimeError(f"session {session_id!r} is still drawing")
        draft = session.draft_of(action, num_steps)
        session.drafts = ()
        if draft is not None and draft.is_finished:
            session.append(draft)
        elif draft is not None:
            session.due = replace(draft, deadline_s=deadline_s)
        else:
            session.due = session.new_drawing(
                action, num_steps=num_steps, deadline_s=deadline_s, branch=0
            )
        return draft

    def draft(
        self, session_id: str, action: ActionVector, *, num_steps: int, deadline_s: float
    ) -> None:
        """Begins the session's next frame under an action that is a guess. Raises KeyError for a
        session that is not open, RuntimeError for one that is due, has that draft already or as
        many as it may."""
        session = self.session(session_id)
        branch = len(session.drafts)
        is_known = session.draft_of(action, num_steps) is not None
        if session.due is not None or is_known or branch == self._max_drafts:
            raise RuntimeError(f"session {session_id!r} is drawing already")
        draft = session.new_drawing(
            action, num_steps=num_steps, deadline_s=deadline_s, branch=branch
        )
        session.drafts = (*session.drafts, draft)

    def drop(self, session_id: str) -> None:
        """What the session was drawing or has drafted is forgotten: the page it touched is the one
        that its next frame will write anyway."""
        session = self.session(session_id)
        session.due, session.drafts = None, ()

    def plan_pass(self, only: Collection[str] | None = None) -> PassPlan | None:
        """The next pass, of the sessions in `only` if given; None when there is nothing to do."""
        sessions = [
            session
            for session in self._sessions.values()
            if only is None or session.session_id in only
        ]
        rows = _Rows(self._batch_sizes, merge=self._merge)
        waiting = [session for session in sessions if session.due]
        newcomers = [session for session in sessions if session.is_opening and not session.due]
        is_played = len(newcomers) < len(sessions)
        reserved = OPENING_ROWS if newcomers else 0
        for session in sorted(waiting, key=_deadline):
            rows.draw(session, rows.num_free - reserved)
        for session in newcomers:
            rows.remember(session, min(rows.num_free, OPENING_ROWS) if is_played else rows.num_free)
        drafting = [s for s in sessions if s.unfinished_drafts and not s.is_opening]
        for session in sorted(drafting, key=_deadline):
            rows.draw(session, rows.num_padding if len(rows) else rows.num_free)
        if not len(rows):
            for session in sessions:
                rows.remember(session, rows.num_free)
        return rows.plan() if len(rows) else None

    def commit(self, plan: PassPlan) -> None:
        for remembered in plan.remembered:
            session = self._sessions[remembered.session_id]
            assert session.unremembered[0] == remembered.placement, "a stale plan"
            session.unremembered = session.unremembered[1:]
            session.is_opening = session.is_opening and bool(session.unremembered)
        for row in plan.drawn:
            session = self._sessions[row.session_id]
            if row.is_draft:
                session.drafts = tuple(
                    draft.advanced() if draft.branch == row.branch else draft
                    for draft in session.drafts
                )
                continue
            assert session.due is not None and session.due.denoise_step == row.denoise_step
            session.due = session.due.advanced()
            if session.due.is_finished:
                session.append(session.due)

    def close(self, session_id: str) -> None:
        """Gives the session's pages back. Raises KeyError for one that is not open."""
        self._pool.give_back(self.session(session_id).pages.slot)
        del self._sessions[session_id]

    def check_integrity(self) -> None:
        """Asserts that every page belongs to one session or to nobody."""
        self._pool.check_integrity()
        slots = [session.pages.slot for session in self._sessions.values()]
        assert len(set(slots)) == len(slots), f"two sessions in one slot: {slots}"
        num_taken = self._pool.num_slots - self._pool.num_free_pages // self._pool.pages_per_slot
        assert len(slots) == num_taken, "a taken slot without a session"
        for session in self._sessions.values():
            session.check_integrity()


class _Rows:
    """A pass in the making."""

    def __init__(self, batch_sizes: Sequence[int], *, merge: bool) -> None:
        self._batch_sizes = batch_sizes
        self._merge = merge
        self._remembered: list[RememberedFrame] = []
        self._drawn: list[DrawnFrame] = []

    def __len__(self) -> int:
        return len(self._remembered) + len(self._drawn)

    @property
    def num_free(self) -> int:
        return self._batch_sizes[-1] - len(self)

    @property
    def num_padding(self) -> int:
        return self._padded(len(self)) - len(self)

    def draw(self, session: Session, room: int) -> None:
        """What is due, else the session's drafts, and what must be remembered before them, as far
        as there is room."""
        num_before = len(session.unremembered)
        self.remember(session, room)
        left = room - num_before if self._merge or not num_before else 0
        drawings = (session.due,) if session.due else session.unfinished_drafts
        are_drafts = session.due is None
        self._drawn += session.drawn_rows(drawings[: max(0, left)], are_drafts=are_drafts)

    def remember(self, session: Session, room: int) -> None:
        if room > 0:
            self._remembered += session.remembered_rows(room)

    def plan(self) -> PassPlan:
        num_finished = sum(row.is_last for row in self._drawn)
        return PassPlan(
            remembered=tuple(self._remembered),
            drawn=tuple(self._drawn),
            batch_size=self._padded(len(self)),
            decode_size=self._padded(num_finished) if num_finished else 0,
        )

    def _padded(self, num_rows: int) -> int:
        return next(size for size in self._batch_sizes if size >= num_rows)


def _deadline(session: Session) -> tuple[float, int]:
    drawing = session.due or session.drafts[0]
    return drawing.deadline_s, session.pages.slot
