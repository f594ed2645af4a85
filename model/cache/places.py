"""Rows of a pass in an order in which many can go at once, and what a device needs to know of each,
as integers. Knows no tensors.

Rows of one session must go one after the other (`model.cache.attend` says why): the first rows of
all sessions are one wave, their second rows the next.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from model.cache.page_table import Placement

NUM_FIELDS = 5  # page, sink, slot, length, shift; then a page for each sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """`order[i]` is the row that goes in place i, None for padding; waves of `sizes` places."""

    order: tuple[int | None, ...]
    sizes: tuple[int, ...]

    @property
    def place_of(self) -> dict[int, int]:
        """Row to place."""
        return {row: place for place, row in enumerate(self.order) if row is not None}


def arrange(placements: Sequence[Placement], widths: Sequence[int]) -> Arrangement:
    """Rows in waves, each padded to the next of `widths` (ascending; the last is no smaller than
    the number of slots)."""
    earlier: Counter[int] = Counter()
    waves: list[list[int]] = []
    for row, placement in enumerate(placements):
        number = earlier[placement.slot]
        earlier[placement.slot] += 1
        if number == len(waves):
            waves.append([])
        waves[number].append(row)
    sizes = tuple(widths[bisect_left(widths, len(wave))] for wave in waves)
    order: list[int | None] = []
    for wave, size in zip(waves, sizes, strict=True):
        order += [*wave, *[None] * (size - len(wave))]
    return Arrangement(order=tuple(order), sizes=sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNumbers:
    """Pages and sinks numbered through, slot after slot; the number after the last is nobody's."""

    num_slots: int
    pages_per_slot: int
    num_sinks: int
    tokens_per_frame: int

    @property
    def nobody(self) -> tuple[int, ...]:
        """Padding: writes where nobody looks, and looks at one page of the first slot."""
        no_page, no_sink = self.num_slots * self.pages_per_slot, self.num_slots * self.num_sinks
        return (no_page, no_sink, 0, self.tokens_per_frame, 0, *[no_page] * self.num_sinks)

    def of(self, where: Placement) -> tuple[int, ...]:
        """Page to write; sink to keep; slot; tokens to see; frames by which its sinks turn; for
        each sink the page where it is met."""
        assert not where.recent, "a length has no holes"
        no_page, no_sink, *_ = self.nobody
        first_page = where.slot * self.pages_per_slot
        is_sink = where.page < self.num_sinks
        shown = range(first_page, first_page + where.num_sinks)
        return (
            first_page + where.page,
            where.slot * self.num_sinks + where.page if is_sink else no_sink,
            where.slot,
            where.num_pages * self.tokens_per_frame,
            where.sink_shift,
            *shown,
            *[no_page] * (self.num_sinks - where.num_sinks),
        )
