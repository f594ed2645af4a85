"""Decode orders are plain integers: how many passes a frame takes, and what each may see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ar.decoding.order import DecodeOrder, blocks, diagonal, raster

HEIGHT, WIDTH = 14, 24  # the paper's grid

grids = st.tuples(st.integers(1, 6), st.integers(1, 6))


@st.composite
def orders(draw: st.DrawFn) -> DecodeOrder:
    height, width = draw(grids)
    if draw(st.booleans()):
        return diagonal(height, width, draw(st.integers(1, width)))
    return blocks(height, width, draw(st.integers(1, height * width)))


@pytest.mark.parametrize(("window", "turns"), [(1, 37), (2, 50), (4, 76), (24, 336)])
def test_the_diagonal_takes_24_and_13_windows_of_turns(window: int, turns: int) -> None:
    assert diagonal(HEIGHT, WIDTH, window).num_turns == turns == WIDTH + 13 * window


def test_raster_draws_one_cell_a_turn_and_guesses_nothing() -> None:
    order = raster(HEIGHT, WIDTH)
    assert order.num_turns == 336
    assert order.guessed == ()
    assert order == diagonal(HEIGHT, WIDTH, WIDTH) == blocks(HEIGHT, WIDTH, 1)


def test_blocks_of_a_row_take_as_many_turns_as_rows() -> None:
    order = blocks(HEIGHT, WIDTH, WIDTH)
    assert order.num_turns == HEIGHT
    assert len(order.guessed) == HEIGHT * (WIDTH - 1)


def test_a_row_begins_when_the_row_above_has_its_window() -> None:
    turn_of = diagonal(3, 5, 2).turn_of
    assert turn_of == (0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8)
    assert diagonal(3, 5, 2).guessed == (4, 9)  # the ends of rows, before they are drawn


@given(orders())
def test_every_cell_is_drawn_once_and_comes_from_an_entry_fed_in_its_turn(
    order: DecodeOrder,
) -> None:
    turns = order.turns()
    assert sorted(cell for turn in turns for cell in turn.drawn) == list(range(order.num_cells))
    for turn in turns:
        for cell in turn.drawn:
            assert cell == 0 or cell - 1 in turn.known + turn.guessed


@given(orders())
def test_every_cell_is_fed_once_with_its_own_token(order: DecodeOrder) -> None:
    known = [cell for turn in order.turns() for cell in turn.known]
    assert sorted((*known, *order.last_cells)) == list(range(order.num_cells))


@given(orders())
def test_nothing_sees_a_cell_that_is_not_drawn_yet(order: DecodeOrder) -> None:
    for number, turn in enumerate(order.turns()):
        for cell in turn.known + turn.guessed:
            seen = [other for other, sees in enumerate(order.sees(cell, number)) if sees]
            assert all(other <= cell and order.turn_of[other] < number for other in seen)


@pytest.mark.parametrize("turn_of", [(1, 0), (0, 2), (0, 0, 2, 2), (0, 1, 0, 2)])
def test_an_order_that_cannot_be_decoded_is_refused(turn_of: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="turn"):
        DecodeOrder(turn_of)


def test_a_window_wider_than_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to 24"):
        diagonal(HEIGHT, WIDTH, 25)
