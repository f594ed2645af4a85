"""Shapes of passes: which are prepared, and that every pass fits one of them."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from model.cache.page_table import Placement
from model.fast.graphs.shapes import in_parts, prepared_sizes, sub_batch_widths
from model.fast.sub_batches.layout import lay_out

SLOTS = 6


def rows_of(slots: list[int]) -> list[Placement]:
    return [
        Placement(frame_idx=number, slot=slot, page=0, previous_page=None, num_pages=1)
        for number, slot in enumerate(slots)
    ]


def test_widths_are_powers_of_two_and_all_slots() -> None:
    assert sub_batch_widths(1) == (1,)
    assert sub_batch_widths(4) == (1, 2, 4)
    assert sub_batch_widths(24) == (1, 2, 4, 8, 16, 24)


def test_no_wave_is_wider_than_the_one_before_it_and_the_most_rows_come_first() -> None:
    assert list(prepared_sizes((1, 2), 1)) == [(2,), (1,)]
    assert list(prepared_sizes((1, 2), 2)) == [(2, 2), (2, 1), (2,), (1, 1), (1,)]
    assert len(list(prepared_sizes(sub_batch_widths(24), 3))) == 6 + 21 + 56


@given(
    st.lists(st.integers(0, SLOTS - 1), min_size=1, max_size=40),
    st.integers(min_value=1, max_value=4),
)
def test_every_pass_fits_what_is_prepared(slots: list[int], max_sub_batches: int) -> None:
    rows, widths = rows_of(slots), sub_batch_widths(SLOTS)
    prepared = set(prepared_sizes(widths, max_sub_batches))
    parts = in_parts(rows, max_sub_batches)
    assert sorted(row for part in parts for row in part) == list(range(len(rows)))
    for part in parts:
        assert lay_out([rows[row] for row in part], widths).sizes in prepared


@given(st.lists(st.integers(0, SLOTS - 1), min_size=1, max_size=40), st.integers(1, 4))
def test_a_session_keeps_its_order_and_waits_for_no_part_too_many(
    slots: list[int], max_sub_batches: int
) -> None:
    parts = in_parts(rows_of(slots), max_sub_batches)
    assert len(parts) == -(-max(Counter(slots).values()) // max_sub_batches)
    for slot in set(slots):
        mine = [row for part in parts for row in part if slots[row] == slot]
        assert mine == sorted(mine)
