"""Actions as tokens, in MineWorld's manner: one token for each group of buttons that exclude each
other, one for each camera axis. Plain Python; knows no codebook and no network.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from model.action_space import HOTBAR, OPPOSITES, ActionSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionVocabulary:
    """Turns an action vector into `num_tokens` ids below `size`.

    `groups` are entries of the vector of which at most one is down; the first id of a group means
    none. `axes` are the values that the remaining entries, the last of the vector, may take.
    """

    groups: tuple[tuple[int, ...], ...]
    axes: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, space: ActionSpace) -> "ActionVocabulary":
        """Opposite buttons share a group, and so do hotbar slots; every other button is one by
        itself."""
        entries = {name: entry for entry, name in enumerate(space.model_buttons)}
        groups: list[tuple[str, ...]] = []
        for group in (*OPPOSITES, HOTBAR, *((name,) for name in entries)):
            left = tuple(n for n in group if n in entries and not any(n in g for g in groups))
            if left:
                groups.append(left)
        return cls(
            groups=tuple(tuple(entries[name] for name in group) for group in groups),
            axes=tuple(tuple(c / bins[-1] for c in bins) for bins in space.camera.values()),
        )

    @property
    def num_tokens(self) -> int:
        return len(self.groups) + len(self.axes)

    @property
    def size(self) -> int:
        return sum(len(group) + 1 for group in self.groups) + sum(len(axis) for axis in self.axes)

    def tokens(self, vector: Sequence[float]) -> tuple[int, ...]:
        """The ids of one action vector, groups first. Of a group with several down, the first
        counts; a camera entry takes the nearest of its values."""
        ids = []
        first = 0
        for group in self.groups:
            down = [number for number, entry in enumerate(group, start=1) if vector[entry] > 0.5]
            ids.append(first + (down[0] if down else 0))
            first += len(group) + 1
        for axis, value in zip(self.axes, vector[-len(self.axes) :], strict=True):
            ids.append(first + _nearest(axis, value))
            first += len(axis)
        return tuple(ids)


def _nearest(values: Sequence[float], value: float) -> int:
    right = bisect_left(values, value)
    return min(
        range(max(right - 1, 0), min(right + 1, len(values))), key=lambda i: abs(values[i] - value)
    )
