"""Which shapes of passes are prepared, and how every pass is fitted to a shape. Integers only.

The shape of a pass is the padded sizes of its sub-batches (`model.fast.sub_batches.layout`): the
first rows of all sessions, their second rows, and further rows.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

from model.cache.page_table import Placement

Sizes = tuple[int, ...]

MAX_SUB_BATCHES = 3  # a frame is cached, the next one drawn, another one drawn along with it


def sub_batch_widths(num_slots: int) -> Sizes:
    """Powers of two, and all slots."""
    powers = [2**power for power in range(num_slots.bit_length()) if 2**power < num_slots]
    return (*powers, num_slots)


def prepared_sizes(widths: Sizes, max_sub_batches: int) -> Iterator[Sizes]:
    """All shapes of up to `max_sub_batches` sub-batches of non-increasing size, the shape with most
    rows first, so that graphs reuse the memory of larger graphs."""
    falling = tuple(reversed(widths))
    shapes = [
        sizes
        for num_sub_batches in range(1, max_sub_batches + 1)
        for sizes in combinations_with_replacement(falling, num_sub_batches)
    ]
    yield from sorted(shapes, key=sum, reverse=True)


def in_parts(placements: Sequence[Placement], max_sub_batches: int) -> list[list[int]]:
    """The rows of a pass, by number, cut wherever a session reaches `max_sub_batches` rows.

    Parts are computed one after the other: after a part, the cache holds all keys that later rows
    need, layer by layer.
    """
    earlier: Counter[int] = Counter()
    parts: list[list[int]] = []
    for row, placement in enumerate(placements):
        number = earlier[placement.slot] // max_sub_batches
        earlier[placement.slot] += 1
        if number == len(parts):
            parts.append([])
        parts[number].append(row)
    return parts
