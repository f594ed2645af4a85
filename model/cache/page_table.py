"""Which page of a session's slot holds which frame. Integers only; knows no tensors.

With a sliding window of 3 frames (4 pages), the pages are a ring:

    frames drawn   page 0   1   2   3
    0 .. 2              0   1   2   -      frame 3 goes to page 3
    0 .. 3              0   1   2   3      frame 4 sees 1, 2, 3 and takes the page of 0
    0 .. 4              4   1   2   3      frame 5 sees 2, 3, 4 and takes the page of 1

The pages a new frame sees, its own among them, are always 0 .. num_pages - 1: attention reads one
contiguous run and needs no mask. Order does not matter to it, since keys carry their positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.context.policy import ContextPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where one new frame is written and what it sees: pages 0 .. num_pages - 1 of its slot."""

    slot: int
    page: int
    previous_page: int  # of the frame just before it
    num_pages: int


class PageTable:
    """Owns one session's pages. `placement` asks, `append` acts."""

    def __init__(self, policy: ContextPolicy, slot: int, frame_idxs: Sequence[int]) -> None:
        """Frames `frame_idxs` (ascending, at least one) are given and lie in pages 0, 1, ..."""
        assert 0 < len(frame_idxs) <= policy.max_frames, "context must fit"
        self.slot = slot
        self._policy = policy
        self._page_of = {frame: page for page, frame in enumerate(frame_idxs)}

    @property
    def frame_idxs(self) -> tuple[int, ...]:
        """Frames held, ascending. Some may have left the context of the next frame already."""
        return tuple(self._page_of)

    @property
    def next_frame_idx(self) -> int:
        return self.frame_idxs[-1] + 1

    def context(self) -> dict[int, int]:
        """Frame to page of what the next frame attends to besides itself, ascending."""
        kept = set(self._policy.keep(self.next_frame_idx))
        return {frame: page for frame, page in self._page_of.items() if frame in kept}

    def placement(self) -> Placement:
        """Where the next frame goes. Changes nothing."""
        context = self.context()
        used = set(context.values())
        page = next(page for page in range(len(used) + 1) if page not in used)
        return Placement(
            slot=self.slot,
            page=page,
            previous_page=self._page_of[self.next_frame_idx - 1],
            num_pages=len(used) + 1,
        )

    def append(self, placement: Placement) -> None:
        """The next frame now lies where `placement` said; what left its context is forgotten."""
        assert placement == self.placement(), "a stale placement"
        frame_idx = self.next_frame_idx
        self._page_of = {**self.context(), frame_idx: placement.page}

    def check_integrity(self) -> None:
        """Asserts that frames ascend and lie in pages of their own, without a hole."""
        frames, pages = list(self._page_of), list(self._page_of.values())
        assert frames == sorted(frames), f"frames out of order: {frames}"
        assert len(set(pages)) == len(pages), f"two frames in one page: {pages}"
        assert len(pages) <= self._policy.max_frames + 1, f"too many pages: {pages}"
        placement = self.placement()
        seen = {*self.context().values(), placement.page}
        assert seen == set(range(placement.num_pages)), f"pages seen have a hole: {sorted(seen)}"
