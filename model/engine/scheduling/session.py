"""What the scheduler knows of one session. Integers and ids; knows no torch and no clock."""

from dataclasses import dataclass, replace

from model.cache.page_table import PageTable
from model.engine.types import CachedFrame, DrawnFrame, FrameRequest
from model.place.state import Advance, State, stateless


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """Changed by the scheduler only. `uncached`: finished frames whose keys are not written
    yet, oldest first; the next frame cannot begin before, or with, the last of them. `state`: of
    the newest frame, in a world with a place; `advance` carries it on by an action. `due`: the
    frame that somebody waits for; `drafts`: begun early, each under another guess of its action.
    They stand at their next denoise step, and all go to one page, one after the other. `joint`: the
    frames after it, in order, at its very step; finished ones wait for their turn."""

    session_id: str
    seed: int
    pages: PageTable
    state: State = ()
    advance: Advance = stateless
    uncached: tuple[CachedFrame, ...] = ()
    is_opening: bool = True  # its first frames are being encoded
    deadline_s: float = 0.0  # of the next frame
    due: DrawnFrame | None = None
    drafts: tuple[DrawnFrame, ...] = ()
    joint: tuple[DrawnFrame, ...] = ()

    def __post_init__(self) -> None:
        self.mark_all_uncached()

    @property
    def unfinished_drafts(self) -> tuple[DrawnFrame, ...]:
        return tuple(d for d in self.drafts if not d.is_finished) if self.drafts else ()

    def draft_of(self, request: FrameRequest) -> DrawnFrame | None:
        """The draft that would be taken for the requested frame."""
        for draft in (*self.joint[:1], *self.drafts):
            if draft.request == request:
                return draft
        return None

    def new_frame(self, request: FrameRequest, *, is_draft: bool, branch: int) -> DrawnFrame:
        """The next frame, before its first denoise step."""
        return DrawnFrame(
            session_id=self.session_id,
            seed=self.seed,
            request=request,
            state=self.advance(self.state, request.action),
            denoise_step=0,
            is_draft=is_draft,
            branch=branch,
            placement=self.pages.seeing(request.context_length),
        )

    def joint_frame(self, due: DrawnFrame, ahead: int, *, branch: int) -> DrawnFrame:
        """The frame so many after the one that is due, to be drawn along with it."""
        placement = self.pages.joint_placement(ahead, due.request.context_length)
        state = due.state
        for _ in range(ahead):
            state = self.advance(state, due.request.action)
        return replace(
            due, is_draft=True, is_joint=True, branch=branch, placement=placement, state=state
        )

    def mark_all_uncached(self) -> None:
        """All frames that it holds are to be cached."""
        places = self.pages.given()
        self.uncached = tuple(
            CachedFrame(session_id=self.session_id, placement=place) for place in places
        )

    def append(self, drawn: DrawnFrame) -> None:
        """The next frame is finished, and the newest now; other drafts of it are gone. It will be
        cached with the memory that it was drawn with."""
        placement = self.pages.seeing(drawn.request.context_length)
        self.pages.append(placement)
        newest = CachedFrame(session_id=self.session_id, placement=placement)
        self.uncached = (*self.uncached, newest)
        self.due, self.drafts, self.state = None, (), drawn.state

    def check_integrity(self) -> None:
        self.pages.check_integrity()
        held = self.pages.frame_idxs[-len(self.uncached) or len(self.pages.frame_idxs) :]
        waiting = tuple(row.placement.frame_idx for row in self.uncached)
        assert waiting == held, "cached out of order"
        assert self.due is None or not self.drafts, "due, and drafts besides"
        assert self.due is None or not self.due.is_finished, "finished, not appended"
        for drawn in (*self.drafts, *([self.due] if self.due else ())):
            expected = self.pages.seeing(drawn.request.context_length)
            assert drawn.placement is expected, "drawn to a stale place"
            assert drawn.is_draft == (drawn is not self.due), "a draft that is due"
        next_idx = self.pages.next_frame_idx + (self.due is not None)
        for number, joint in enumerate(self.joint):
            assert joint.placement.frame_idx == next_idx + number, "joint frames out of order"
            step = self.due.denoise_step if self.due else joint.request.num_steps
            assert joint.denoise_step == step, "a joint frame behind the one it goes with"
        branches = [draft.branch for draft in self.drafts]
        assert branches == list(range(len(branches))), f"branches {branches}"
