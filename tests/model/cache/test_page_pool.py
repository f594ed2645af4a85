"""Every slot is free or taken, once."""

import pytest

from model.cache.page_pool import NoFreeSlotError, PagePool


def test_pages_come_back_whole() -> None:
    pool = PagePool(num_slots=3, pages_per_slot=5)
    slots = [pool.take() for _ in range(3)]
    assert sorted(slots) == [0, 1, 2]
    assert pool.num_free_pages == 0
    pool.give_back(slots[1])
    assert pool.num_free_pages == 5
    assert pool.peek() == pool.take() == slots[1]
    pool.check_integrity()


def test_a_full_pool_says_so() -> None:
    pool = PagePool(num_slots=1, pages_per_slot=5)
    pool.take()
    with pytest.raises(NoFreeSlotError, match="all 1 slots"):
        pool.take()


def test_a_slot_cannot_be_given_back_twice() -> None:
    pool = PagePool(num_slots=2, pages_per_slot=5)
    slot = pool.take()
    pool.give_back(slot)
    with pytest.raises(KeyError):
        pool.give_back(slot)
    pool.check_integrity()


def test_integrity_sees_a_lost_slot() -> None:
    pool = PagePool(num_slots=2, pages_per_slot=5)
    pool._free.pop()
    with pytest.raises(AssertionError, match="lost"):
        pool.check_integrity()
