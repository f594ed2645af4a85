"""Reads a frame by the rules of the game that drew it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Shown = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOracle:
    """`read` says what a frame (H, W, 3) shows, by name: "action" always, and what follows from the
    actions, such as a pose. A thing that is not there, such as a light that is out, has no entry.
    `slack` is how far each value of a thing may be off and still be right; none where it has no
    entry."""

    read: Callable[[NDArray[np.uint8]], Mapping[str, Shown]]
    slack: Mapping[str, Shown] = field(default_factory=dict)

    def is_right(self, name: str, mine: Shown | None, real: Shown | None) -> bool:
        if mine is None or real is None:
            return mine is real
        slack = self.slack.get(name, (0.0,) * len(real))
        return all(abs(a - b) <= most for a, b, most in zip(mine, real, slack, strict=True))
