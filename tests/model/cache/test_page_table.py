"""A session's pages: a ring for the sliding window, and whatever a policy makes of them."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.cache.page_table import PageTable, Placement
from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow


def test_the_window_is_a_ring() -> None:
    table = PageTable(SlidingWindow(3), 0, [0, 1, 2])
    pages = []
    for _ in range(6):
        placement = table.placement
        pages.append(placement.page)
        table.append(placement)
    assert pages == [3, 0, 1, 2, 3, 0]


def test_sink_frames_keep_their_pages_for_ever() -> None:
    table = PageTable(SinkWindow(num_sinks=1, window=2), 0, [0])
    for _ in range(20):
        table.append(table.placement)
        table.check_integrity()
        assert table.context[0] == 0
    assert tuple(table.context) == (0, 19, 20)


@given(
    policy=st.one_of(
        st.builds(SlidingWindow, st.integers(1, 6)),
        st.builds(SinkWindow, num_sinks=st.integers(1, 3), window=st.integers(1, 4)),
    ),
    first=st.integers(0, 100),
    num_steps=st.integers(1, 30),
    data=st.data(),
)
def test_a_new_frame_sees_exactly_what_its_policy_keeps(
    policy: ContextPolicy, first: int, num_steps: int, data: st.DataObject
) -> None:
    """And with a shortened context the sinks and the newest of them, whatever else is kept."""
    num_given = data.draw(st.integers(1, policy.max_frames))
    table = PageTable(policy, 2, range(first, first + num_given))
    seen_before = set(table.frame_idxs)
    for _ in range(num_steps):
        frame_idx, placement, context = table.next_frame_idx, table.placement, table.context
        kept = {first + idx for idx in policy.keep(frame_idx - first)}
        assert set(context) == seen_before.intersection(kept)
        assert placement.page not in context.values()
        assert {*context.values(), placement.page} == set(range(placement.num_pages))
        assert placement.num_pages <= policy.max_frames + 1
        assert context[frame_idx - 1] == placement.previous_page
        assert positions(placement, context) == list(range(frame_idx - len(context), frame_idx))
        context_length = data.draw(st.none() | st.integers(1, 4))
        short = table.placement_with(context_length)
        sinks, others = list(context)[: short.num_sinks], list(context)[short.num_sinks :]
        seen = {
            frame: context[frame]
            for frame in (*sinks, *others[-(context_length or len(context)) :])
        }
        pages = [page for stretch in short.seen for page in stretch]
        assert sorted(pages) == sorted((*seen.values(), placement.page))
        assert positions(short, seen) == list(range(frame_idx - len(seen), frame_idx))
        assert (short.page, short.num_pages) == (placement.page, placement.num_pages)
        table.append(short)
        table.check_integrity()
        seen_before.add(frame_idx)


def positions(placement: Placement, context: Mapping[int, int]) -> list[int]:
    """Where the new frame meets those it sees, in their order."""
    sinks, others = list(context)[: placement.num_sinks], list(context)[placement.num_sinks :]
    return [frame + placement.sink_shift for frame in sinks] + others


def test_given_frames_are_placed_as_if_each_had_been_new() -> None:
    table = PageTable(SinkWindow(num_sinks=1, window=3), 0, (5, 90, 91, 92))
    places = table.given()
    assert [(p.frame_idx, p.page, p.num_pages) for p in places] == [
        (5, 0, 1), (90, 1, 2), (91, 2, 3), (92, 3, 4),
    ]  # fmt: skip
    assert [p.previous_page for p in places] == [None, None, 1, 2]
    assert [p.sink_shift for p in places] == [0, 84, 84, 84]


@pytest.mark.parametrize("frame_idxs", [(0, 1, 2, 3), (1, 9)])
def test_a_context_that_no_session_could_have_is_refused(frame_idxs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="are no context"):
        PageTable(SlidingWindow(3), 0, frame_idxs)


def test_a_shortened_context_is_a_stretch_of_the_ring_that_may_go_over_its_end() -> None:
    table = PageTable(SlidingWindow(4), 0, [0, 1, 2, 3])
    stretches = []
    for _ in range(4):
        stretches.append(table.placement_with(2).seen)
        table.append(table.placement)
    assert stretches == [
        (range(2, 5),), (range(1), range(3, 5)), (range(2), range(4, 5)), (range(3),),
    ]  # fmt: skip


def test_a_joint_frame_lies_behind_all_that_is_kept_however_little_is_seen() -> None:
    table = PageTable(SlidingWindow(4), 0, [0, 1, 2, 3])
    joint = table.joint_placement(2, context_length=1)
    assert (joint.page, joint.previous_page, joint.frame_idx) == (6, 5, 6)
    assert [page for stretch in joint.seen for page in stretch] == [3, 4, 5, 6]


def test_a_stale_placement_is_refused() -> None:
    table = PageTable(SlidingWindow(3), 0, [0, 1, 2])
    stale = table.placement
    table.append(stale)
    with pytest.raises(AssertionError, match="stale"):
        table.append(stale)


def test_integrity_sees_two_frames_in_one_page() -> None:
    table = PageTable(SlidingWindow(3), 0, [0, 1])
    table._page_of[1] = 0
    with pytest.raises(AssertionError, match="two frames"):
        table.check_integrity()
