"""A session's pages: a ring for the sliding window, and whatever a policy makes of them."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.cache.page_table import PageTable
from model.context.policy import ContextPolicy
from model.context.sliding_window import SlidingWindow


@dataclass(frozen=True)
class SinkAndWindow:
    """The first `sink` frames for ever, and the newest `window`: a policy the table never saw."""

    sink: int
    window: int

    @property
    def max_frames(self) -> int:
        return self.sink + self.window

    def keep(self, num_frames: int) -> tuple[int, ...]:
        newest = range(max(0, num_frames - self.window), num_frames)
        return tuple(sorted({*range(min(self.sink, num_frames)), *newest}))


def test_the_window_is_a_ring() -> None:
    table = PageTable(SlidingWindow(3), 0, [0, 1, 2])
    pages = []
    for _ in range(6):
        placement = table.placement()
        pages.append(placement.page)
        table.append(placement)
    assert pages == [3, 0, 1, 2, 3, 0]


def test_asking_changes_nothing() -> None:
    table = PageTable(SlidingWindow(3), 0, [0, 1, 2])
    assert table.placement() == table.placement()
    assert table.frame_idxs == (0, 1, 2)


def test_sink_frames_keep_their_pages_for_ever() -> None:
    table = PageTable(SinkAndWindow(sink=1, window=2), 0, [0])
    for _ in range(20):
        table.append(table.placement())
        table.check_integrity()
        assert table.context()[0] == 0
    assert tuple(table.context()) == (0, 19, 20)


@given(
    policy=st.one_of(
        st.builds(SlidingWindow, st.integers(1, 6)),
        st.builds(SinkAndWindow, sink=st.integers(1, 3), window=st.integers(1, 4)),
    ),
    first=st.integers(0, 100),
    num_steps=st.integers(1, 30),
    data=st.data(),
)
def test_a_new_frame_sees_exactly_what_its_policy_keeps(
    policy: ContextPolicy, first: int, num_steps: int, data: st.DataObject
) -> None:
    given_frames = [
        frame
        for frame in policy.keep(first + data.draw(st.integers(1, policy.max_frames)))
        if frame >= first
    ]
    table = PageTable(policy, 2, given_frames or [first])
    seen_before = set(table.frame_idxs)
    for _ in range(num_steps):
        frame_idx, placement = table.next_frame_idx, table.placement()
        context = table.context()
        assert set(context) == seen_before.intersection(policy.keep(frame_idx))
        assert placement.page not in context.values()
        assert {*context.values(), placement.page} == set(range(placement.num_pages))
        assert placement.num_pages <= policy.max_frames + 1
        assert context[frame_idx - 1] == placement.previous_page
        table.append(placement)
        table.check_integrity()
        seen_before.add(frame_idx)


def test_a_stale_placement_is_refused() -> None:
    table = PageTable(SlidingWindow(3), 0, [0, 1, 2])
    stale = table.placement()
    table.append(stale)
    with pytest.raises(AssertionError, match="stale"):
        table.append(stale)


def test_integrity_sees_two_frames_in_one_page() -> None:
    table = PageTable(SlidingWindow(3), 0, [0, 1])
    table._page_of[1] = 0
    with pytest.raises(AssertionError, match="two frames"):
        table.check_integrity()
