"""Who gets a frame now, where it goes, in which batch. Plain integers; imports no torch.

`plan` decides and changes nothing; `commit` makes a plan that was run true. Between them the
runner may fail, and nothing has happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.cache.page_pool import PagePool
from model.cache.page_table import PageTable
from model.context.policy import ContextPolicy
from model.engine.types import ActionVector, PlannedFrame, PrefillPlan, StepPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledSession:
    """What the scheduler knows of an open session."""

    session_id: str
    seed: int
    pages: PageTable


class Scheduler:
    """Owns the open sessions and their pages."""

    def __init__(
        self, policy: ContextPolicy, *, max_sessions: int, batch_sizes: Sequence[int]
    ) -> None:
        """A step's batch is padded to the next of `batch_sizes` (ascending)."""
        if not batch_sizes or max(batch_sizes) < max_sessions:
            raise ValueError(f"batch sizes {batch_sizes} cannot hold {max_sessions} sessions")
        self._policy = policy
        self._batch_sizes = sorted(batch_sizes)
        self._pool = PagePool(num_slots=max_sessions, pages_per_slot=policy.max_frames + 1)
        self._sessions: dict[str, ScheduledSession] = {}

    @property
    def session_ids(self) -> tuple[str, ...]:
        return tuple(self._sessions)

    @property
    def num_free_pages(self) -> int:
        return self._pool.num_free_pages

    def session(self, session_id: str) -> ScheduledSession:
        """Raises KeyError for a session that is not open."""
        if session_id not in self._sessions:
            raise KeyError(f"session {session_id!r} is not open")
        return self._sessions[session_id]

    def plan_open(self, session_id: str, seed: int, frame_idxs: Sequence[int]) -> PrefillPlan:
        """A session whose context is these frames, the newest last.

        Raises ValueError for a session already open or frames that the policy would not keep,
        NoFreeSlotError when all slots are taken.
        """
        if session_id in self._sessions:
            raise ValueError(f"session {session_id!r} is open already")
        kept = self._policy.keep(frame_idxs[-1] + 1)
        if not set(frame_idxs).issubset(kept):
            raise ValueError(f"frames {frame_idxs} are no context; at most {kept} would be")
        return PrefillPlan(
            session_id=session_id, seed=seed, slot=self._pool.peek(), frame_idxs=tuple(frame_idxs)
        )

    def commit_open(self, plan: PrefillPlan) -> None:
        slot = self._pool.take()
        assert slot == plan.slot, "a stale plan"
        pages = PageTable(self._policy, slot, plan.frame_idxs)
        self._sessions[plan.session_id] = ScheduledSession(
            session_id=plan.session_id, seed=plan.seed, pages=pages
        )

    def plan(self, actions: Mapping[str, ActionVector], num_steps: int) -> StepPlan:
        """The next frame of every session named. Raises KeyError for one that is not open."""
        sessions = sorted(map(self.session, actions), key=lambda session: session.pages.slot)
        frames = tuple(
            PlannedFrame(
                session_id=session.session_id,
                seed=session.seed,
                frame_idx=session.pages.next_frame_idx,
                action=actions[session.session_id],
                placement=session.pages.placement(),
            )
            for session in sessions
        )
        batch_size = next(size for size in self._batch_sizes if size >= len(frames))
        return StepPlan(frames=frames, num_steps=num_steps, batch_size=batch_size)

    def commit(self, plan: StepPlan) -> None:
        for frame in plan.frames:
            self._sessions[frame.session_id].pages.append(frame.placement)

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
            session.pages.check_integrity()
