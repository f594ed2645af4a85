"""Slots of the key-value pool: which are taken. Integers only; knows no frames and no tensors.

A slot is a fixed range of pages: a page per frame of context and a page for the frame being
generated. A session takes a whole slot when the session opens, and gives the slot back when the
session closes.
"""


class NoFreeSlotError(RuntimeError):
    """Every slot is taken; close a session first."""


class PagePool:
    """Owns which slots are free. Each holds `pages_per_slot` pages."""

    def __init__(self, *, num_slots: int, pages_per_slot: int) -> None:
        self.num_slots = num_slots
        self.pages_per_slot = pages_per_slot
        # A stack with the lowest slot on top: few sessions stay in the pool's first slots.
        self._free = list(reversed(range(num_slots)))
        self._taken: set[int] = set()

    @property
    def num_free_pages(self) -> int:
        return len(self._free) * self.pages_per_slot

    def peek(self) -> int:
        """The slot that `take` would return next. Raises NoFreeSlotError when all slots are
        taken."""
        if not self._free:
            raise NoFreeSlotError(f"all {self.num_slots} slots are taken; close a session first")
        return self._free[-1]

    def take(self) -> int:
        slot = self.peek()
        self._free.pop()
        self._taken.add(slot)
        return slot

    def give_back(self, slot: int) -> None:
        self._taken.remove(slot)
        self._free.append(slot)

    def check_integrity(self) -> None:
        """Asserts that every slot is either free or taken, and only once."""
        assert len(set(self._free)) == len(self._free), f"free twice: {self._free}"
        assert self._taken.isdisjoint(self._free), "free and taken at once"
        assert self._taken | set(self._free) == set(range(self.num_slots)), "a slot is lost"
