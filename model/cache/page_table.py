"""Which page of a session's slot holds which frame. Integers only; knows no tensors.

With a sliding window of 3 frames (4 pages), the pages are a ring:

    frames drawn   page 0   1   2   3
    0 .. 2              0   1   2   -      frame 3 goes to page 3
    0 .. 3              0   1   2   3      frame 4 sees 1, 2, 3 and takes the page of 0
    0 .. 4              4   1   2   3      frame 5 sees 2, 3, 4 and takes the page of 1

The pages a new frame sees, its own among them, are always 0 .. num_pages - 1: attention reads one
contiguous run and needs no mask. Order does not matter to it, since keys carry their positions.
Sinks are a scene's first frames, so sink i lies in page i for as long as the session lives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.context.policy import ContextPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where one frame is written and what it sees: pages 0 .. num_pages - 1 of its slot. The keys
    of the first `num_sinks` pages are met as if their frames had come `sink_shift` frames later."""

    frame_idx: int
    slot: int
    page: int
    previous_page: int | None  # of the frame just before it; None: nothing came before
    num_pages: int
    num_sinks: int = 0
    sink_shift: int = 0


class PageTable:
    """Owns one session's pages. `placement` asks, `append` acts."""

    def __init__(self, policy: ContextPolicy, slot: int, frame_idxs: Sequence[int]) -> None:
        """Frames `frame_idxs` (ascending, at least one) are given and lie in pages 0, 1, ...

        Raises ValueError for frames that the policy would not keep.
        """
        self.slot = slot
        self._policy = policy
        self._first = frame_idxs[0]
        self._page_of = {frame: page for page, frame in enumerate(frame_idxs)}
        kept = self._kept(frame_idxs[-1] + 1)
        if not kept.issuperset(frame_idxs):
            raise ValueError(f"frames {frame_idxs} are no context; at most {sorted(kept)} would be")
        self._context, self._placement = self._look_ahead()

    @property
    def frame_idxs(self) -> tuple[int, ...]:
        """Frames held, ascending. The oldest may have left the context of the next frame."""
        return tuple(self._page_of)

    @property
    def next_frame_idx(self) -> int:
        return self._placement.frame_idx

    @property
    def context(self) -> Mapping[int, int]:
        """Frame to page of what the next frame attends to besides itself, ascending."""
        return self._context

    @property
    def placement(self) -> Placement:
        """Where the next frame goes."""
        return self._placement

    def given(self) -> tuple[Placement, ...]:
        """The frames held, as if each were new when only those before it had come."""
        frames = self.frame_idxs
        return tuple(
            self._place(frame, self._page_of[frame], {f: self._page_of[f] for f in frames[:number]})
            for number, frame in enumerate(frames)
        )

    def append(self, placement: Placement) -> None:
        """The next frame now lies where `placement` said; what left its context is forgotten."""
        assert placement == self._placement, "a stale placement"
        self._page_of = {**self._context, placement.frame_idx: placement.page}
        self._context, self._placement = self._look_ahead()

    def check_integrity(self) -> None:
        """Asserts that frames ascend and lie in pages of their own, without a hole."""
        frames, pages = list(self._page_of), list(self._page_of.values())
        assert frames == sorted(frames), f"frames out of order: {frames}"
        assert len(set(pages)) == len(pages), f"two frames in one page: {pages}"
        assert len(pages) <= self._policy.max_frames + 1, f"too many pages: {pages}"
        assert self._look_ahead() == (self._context, self._placement), "a stale placement"
        seen = {*self._context.values(), self._placement.page}
        wanted = set(range(self._placement.num_pages))
        assert seen == wanted, f"pages seen have a hole: {sorted(seen)}"
        sinks = frames[: self._placement.num_sinks]
        assert [self._page_of[frame] for frame in sinks] == list(range(len(sinks))), "a sink moved"

    def _kept(self, frame_idx: int) -> set[int]:
        """What the policy lets that frame see."""
        return {self._first + idx for idx in self._policy.keep(frame_idx - self._first)}

    def _look_ahead(self) -> tuple[dict[int, int], Placement]:
        frame_idx = max(self._page_of) + 1
        kept = self._kept(frame_idx)
        context = {frame: page for frame, page in self._page_of.items() if frame in kept}
        used = set(context.values())
        page = next(page for page in range(len(used) + 1) if page not in used)
        return context, self._place(frame_idx, page, context)

    def _place(self, frame_idx: int, page: int, seen: Mapping[int, int]) -> Placement:
        sinks_end = self._first + self._policy.num_sinks
        num_sinks = sum(frame < sinks_end for frame in seen) if self._policy.num_sinks else 0
        oldest = next((frame for frame in seen if frame >= sinks_end), frame_idx)
        return Placement(
            frame_idx=frame_idx,
            slot=self.slot,
            page=page,
            previous_page=seen.get(frame_idx - 1),
            num_pages=len(seen) + 1,
            num_sinks=num_sinks,
            sink_shift=oldest - self._first - num_sinks if num_sinks else 0,
        )
