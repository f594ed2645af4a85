"""The order of a pass's rows in sub-batches computed at once, and the integers that a device needs
for each row. Knows no tensors.

Rows of the same session must be computed one after the other (see `model.cache.attend`): the first
rows of all sessions are a sub-batch, the second rows the next.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from model.cache.page_table import Placement

NUM_FIELDS = 5  # page, sink, slot, length, shift; then a page for each sink


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLayout:
    """`order[i]` is the row at position i, None for padding; sub-batches of `sizes` positions."""

    order: tuple[int | None, ...]
    sizes: tuple[int, ...]

    @property
    def position_of(self) -> dict[int, int]:
        """Row to position."""
        return {row: position for position, row in enumerate(self.order) if row is not None}


def lay_out(placements: Sequence[Placement], widths: Sequence[int]) -> BatchLayout:
    """Rows in sub-batches, each padded to the next of `widths` (ascending; the last is no smaller
    than the number of slots)."""
    earlier: Counter[int] = Counter()
    parts: list[list[int]] = []
    for row, placement in enumerate(placements):
        number = earlier[placement.slot]
        earlier[placement.slot] += 1
        if number == len(parts):
            parts.append([])
        parts[number].append(row)
    sizes = tuple(widths[bisect_left(widths, len(part))] for part in parts)
    order: list[int | None] = []
    for part, size in zip(parts, sizes, strict=True):
        order += [*part, *[None] * (size - len(part))]
    return BatchLayout(order=tuple(order), sizes=sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMapping:
    """Numbers of pages and sinks, slot after slot; the number after the last stands for padding."""

    num_slots: int
    pages_per_slot: int
    num_sinks: int
    tokens_per_frame: int

    @property
    def padding(self) -> tuple[int, ...]:
        """A padding row: written to the page after the last, attends to a page of the first
        slot."""
        no_page, no_sink = self.num_slots * self.pages_per_slot, self.num_slots * self.num_sinks
        return (no_page, no_sink, 0, self.tokens_per_frame, 0, *[no_page] * self.num_sinks)

    def of(self, where: Placement) -> tuple[int, ...]:
        """Page to write; sink to keep; slot; tokens to attend to; frames by which the sinks are
        rotated; for each sink the page where the rotated keys are written."""
        assert not where.recent, (
            "a shortened context is not supported here: the captured kernel attends to one range"
        )
        no_page, no_sink, *_ = self.padding
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
