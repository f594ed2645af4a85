"""Which page of a session's slot holds which frame. Integers only; knows no tensors.

With a sliding window of 3 frames (4 pages), the pages are a ring:

    frames drawn   page 0   1   2   3
    0 .. 2              0   1   2   -      frame 3 goes to page 3
    0 .. 3              0   1   2   3      frame 4 sees 1, 2, 3 and takes the page of 0
    0 .. 4              4   1   2   3      frame 5 sees 2, 3, 4 and takes the page of 1

A new frame attends to pages 0 .. num_pages - 1, its own page among them: a contiguous range that
needs no mask. The order of pages does not matter, since keys carry their positions. Sinks are the
first frames of a scene; sink i lies in page i as long as the session lives.

A frame with a shortened context attends to the sinks' pages and the pages of the newest frames: a
range of the ring that may wrap around the end. All other pages are kept for later frames.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from model.context.policy import ContextPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The page that a frame is written to, and the pages that the frame attends to: pages 0 ..
    num_pages - 1 of the slot, or only `recent` with a shortened context. Keys of the first
    `num_sinks` pages are rotated as if those frames had come `sink_shift` frames later."""

    frame_idx: int
    slot: int
    page: int
    previous_page: int | None  # of the frame just before it; None: nothing came before
    num_pages: int
    num_sinks: int = 0
    sink_shift: int = 0
    recent: tuple[range, ...] = ()

    @property
    def seen(self) -> tuple[range, ...]:
        """Ranges of pages that the frame attends to, ascending, its own page included."""
        return self.recent or (range(self.num_pages),)


class PageTable:
    """Owns the pages of a session. `placement` asks, `append` acts. Internally, frames are counted
    from the first frame of the scene."""

    def __init__(self, policy: ContextPolicy, slot: int, frame_idxs: Sequence[int]) -> None:
        """Frames `frame_idxs` (ascending, at least one) lie in pages 0, 1, ...

        Raises ValueError for frames that the policy would not keep.
        """
        self.slot = slot
        self._policy = policy
        self._first = frame_idxs[0]
        self._newest = frame_idxs[-1] - self._first
        self._page_of = {frame - self._first: page for page, frame in enumerate(frame_idxs)}
        kept = policy.keep(self._newest + 1)
        if not self._page_of.keys() <= set(kept):
            wanted = [self._first + frame for frame in kept]
            raise ValueError(f"frames {frame_idxs} are no context; at most {wanted} would be")
        self._leaving, self._placement = self._look_ahead()
        self._shorter: dict[int, Placement] = {}  # of the next frame, by context length

    @property
    def frame_idxs(self) -> tuple[int, ...]:
        """Frames held, ascending. The oldest may have left the context of the next frame."""
        return tuple(self._first + frame for frame in self._page_of)

    @property
    def next_frame_idx(self) -> int:
        return self._placement.frame_idx

    @property
    def context(self) -> Mapping[int, int]:
        """Frame to page of the frames that the next frame attends to, ascending."""
        held = self._page_of.items()
        return {self._first + frame: page for frame, page in held if frame not in self._leaving}

    @property
    def placement(self) -> Placement:
        """Where the next frame goes."""
        return self._placement

    def placement_with(self, context_length: int | None) -> Placement:
        """Where the next frame goes if the frame attends to the sinks and the newest
        `context_length` frames only (at least 1); None: to all frames that the policy keeps."""
        if context_length is None:
            return self._placement
        if context_length not in self._shorter:
            self._shorter[context_length] = self._shortened(context_length)
        return self._shorter[context_length]

    def joint_placement(self, ahead: int, context_length: int | None = None) -> Placement:
        """Where the frame `ahead` frames after the next is written while the next frame is
        unfinished: to a page behind all pages that are kept for the next frame. The joint frame
        attends to the pages of the next frame with the same context length, too."""
        before = (
            self.placement_with(context_length)
            if ahead == 1
            else self.joint_placement(ahead - 1, context_length)
        )
        page = before.num_pages
        return replace(
            before,
            frame_idx=before.frame_idx + 1,
            page=page,
            previous_page=before.page,
            num_pages=page + 1,
            recent=before.recent and (*before.recent, range(page, page + 1)),
        )

    def given(self) -> tuple[Placement, ...]:
        """Placements of the frames held: for each frame as if only earlier frames had been
        there."""
        frames = list(self._page_of)
        return tuple(
            self._place(frame, self._page_of[frame], frames[:number])
            for number, frame in enumerate(frames)
        )

    def append(self, placement: Placement) -> None:
        """The next frame now lies at `placement`; frames that left the context are forgotten."""
        assert placement in (self._placement, *self._shorter.values()), "a stale placement"
        for frame in self._leaving:
            del self._page_of[frame]
        self._newest += 1
        self._page_of[self._newest] = placement.page
        self._leaving, self._placement = self._look_ahead()
        self._shorter.clear()

    def check_integrity(self) -> None:
        """Asserts that frames ascend, and that pages are distinct and without a hole."""
        frames, pages = list(self._page_of), list(self._page_of.values())
        assert frames == sorted(frames), f"frames out of order: {frames}"
        assert len(set(pages)) == len(pages), f"two frames in one page: {pages}"
        assert len(pages) <= self._policy.max_frames + 1, f"too many pages: {pages}"
        assert self._look_ahead() == (self._leaving, self._placement), "a stale placement"
        for context_length, shorter in self._shorter.items():
            assert shorter == self._shortened(context_length), "a stale short placement"
        seen = {*self.context.values(), self._placement.page}
        wanted = set(range(self._placement.num_pages))
        assert seen == wanted, f"pages seen have a hole: {sorted(seen)}"
        sinks = frames[: self._placement.num_sinks]
        assert [self._page_of[frame] for frame in sinks] == list(range(len(sinks))), "a sink moved"

    def _look_ahead(self) -> tuple[set[int], Placement]:
        """Which frames the next one does not see any more, and where it goes: to the page of one
        of those, else to the first page that was never used."""
        frame = self._newest + 1
        leaving = self._page_of.keys() - self._policy.keep(frame)
        seen = [held for held in self._page_of if held not in leaving]
        page = min((self._page_of[left] for left in leaving), default=len(seen))
        return leaving, self._place(frame, page, seen)

    def _shortened(self, context_length: int) -> Placement:
        whole, num_sinks = self._placement, self._placement.num_sinks
        seen = [held for held in self._page_of if held not in self._leaving]
        if len(seen) - num_sinks <= context_length:
            return whole
        newest = (*seen[:num_sinks], *seen[-context_length:])
        short = self._place(self._newest + 1, whole.page, newest)
        pages = (*(self._page_of[frame] for frame in newest), whole.page)
        return replace(short, num_pages=whole.num_pages, recent=_stretches(pages))

    def _place(self, frame: int, page: int, seen: Sequence[int]) -> Placement:
        """`seen`: the frames before it that it sees, ascending."""
        num_sinks = sink_shift = 0
        if self._policy.num_sinks:
            num_sinks = bisect_left(seen, self._policy.num_sinks)
            oldest = seen[num_sinks] if num_sinks < len(seen) else frame
            sink_shift = oldest - num_sinks if num_sinks else 0
        return Placement(
            frame_idx=self._first + frame,
            slot=self.slot,
            page=page,
            previous_page=self._page_of[frame - 1] if seen and seen[-1] == frame - 1 else None,
            num_pages=len(seen) + 1,
            num_sinks=num_sinks,
            sink_shift=sink_shift,
        )


def _stretches(pages: Iterable[int]) -> tuple[range, ...]:
    """The pages in runs without a hole, ascending."""
    runs: list[range] = []
    for page in sorted(pages):
        if runs and runs[-1].stop == page:
            runs[-1] = range(runs[-1].start, page + 1)
        else:
            runs.append(range(page, page + 1))
    return tuple(runs)
