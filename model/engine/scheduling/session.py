"""The scheduler's state of a session. Integers and ids; imports no torch, reads no clock."""

from dataclasses import dataclass, replace

from model.cache.page_table import PageTable
from model.engine.types import CachedFrame, DrawnFrame, FrameRequest
from model.place.state import Advance, State, stateless


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """Changed by the scheduler only.

    `uncached`: finished frames without cached keys, oldest first; the next frame begins in the pass
    that caches the last of `uncached`, or later. `state`: the player's state after the newest
    frame, in a world with a place; `advance` computes the state after an action. `in_flight`: the
    requested frame. `drafts`: the same frame under draft actions, before a request. The frame in
    flight and all drafts stand before their next denoise step, and all are written to the same
    page. `joint`: the frames after the frame in flight, in order, at the same denoise step;
    finished joint frames wait for requests.
    """

    session_id: str
    seed: int
    pages: PageTable
    state: State = ()
    advance: Advance = stateless
    uncached: tuple[CachedFrame, ...] = ()
    is_in_prefill: bool = True  # its first frames are being encoded
    deadline_s: float = 0.0  # of the next frame
    in_flight: DrawnFrame | None = None
    drafts: tuple[DrawnFrame, ...] = ()
    joint: tuple[DrawnFrame, ...] = ()

    def __post_init__(self) -> None:
        self.mark_all_uncached()

    @property
    def unfinished_drafts(self) -> tuple[DrawnFrame, ...]:
        return tuple(d for d in self.drafts if not d.is_finished) if self.drafts else ()

    def draft_of(self, request: FrameRequest) -> DrawnFrame | None:
        """The draft with an equal request."""
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
            placement=self.pages.placement_with(request.context_length),
        )

    def joint_frame(self, in_flight: DrawnFrame, ahead: int, *, branch: int) -> DrawnFrame:
        """The frame `ahead` frames after the frame in flight, to be denoised jointly."""
        placement = self.pages.joint_placement(ahead, in_flight.request.context_length)
        state = in_flight.state
        for _ in range(ahead):
            state = self.advance(state, in_flight.request.action)
        return replace(
            in_flight, is_draft=True, is_joint=True, branch=branch, placement=placement, state=state
        )

    def mark_all_uncached(self) -> None:
        """All frames of the context are to be cached again."""
        places = self.pages.given()
        self.uncached = tuple(
            CachedFrame(session_id=self.session_id, placement=place) for place in places
        )

    def append(self, drawn: DrawnFrame) -> None:
        """The next frame is finished and becomes the newest frame; other drafts are gone. Keys will
        be computed with the frame's own context length."""
        placement = self.pages.placement_with(drawn.request.context_length)
        self.pages.append(placement)
        newest = CachedFrame(session_id=self.session_id, placement=placement)
        self.uncached = (*self.uncached, newest)
        self.in_flight, self.drafts, self.state = None, (), drawn.state

    def check_integrity(self) -> None:
        self.pages.check_integrity()
        held = self.pages.frame_idxs[-len(self.uncached) or len(self.pages.frame_idxs) :]
        waiting = tuple(row.placement.frame_idx for row in self.uncached)
        assert waiting == held, "cached out of order"
        assert self.in_flight is None or not self.drafts, "drafts beside a frame in flight"
        assert self.in_flight is None or not self.in_flight.is_finished, "finished, not appended"
        for drawn in (*self.drafts, *([self.in_flight] if self.in_flight else ())):
            expected = self.pages.placement_with(drawn.request.context_length)
            assert drawn.placement is expected, "drawn to a stale place"
            assert drawn.is_draft == (drawn is not self.in_flight), "a draft in flight"
        next_idx = self.pages.next_frame_idx + (self.in_flight is not None)
        for number, joint in enumerate(self.joint):
            assert joint.placement.frame_idx == next_idx + number, "joint frames out of order"
            step = self.in_flight.denoise_step if self.in_flight else joint.request.num_steps
            assert joint.denoise_step == step, "a joint frame behind the one it goes with"
        branches = [draft.branch for draft in self.drafts]
        assert branches == list(range(len(branches))), f"branches {branches}"
