"""Where a world's own rules can read a frame: how often a made one shows what the real one shows.
Knows no rules; an oracle knows them.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.evaluate.confidence import Estimate, estimate

# What a frame (H, W, 3) shows, by name: "action" always, and what follows from the actions, such as
# a pose. A thing that is not there, such as a light that is out, has no entry.
Oracle = Callable[[NDArray[np.uint8]], Mapping[str, tuple[float, ...]]]


def read_rightly(
    oracle: Oracle, films: Sequence[NDArray[np.uint8]], real: Sequence[NDArray[np.uint8]]
) -> dict[str, Estimate]:
    """By name, the share of frames that agree about a thing, of those in which either film shows
    it: who never lights a lamp is never right about it. NaN where no frame shows it."""
    ours, theirs = ([[oracle(frame) for frame in film] for film in side] for side in (films, real))
    names = sorted({name for film in theirs for shown in film for name in shown})
    return {name: _agreement(name, ours, theirs) for name in names}


def _agreement(name: str, ours: "_Readings", theirs: "_Readings") -> Estimate:
    pairs = [
        [(mine.get(name), other.get(name)) for mine, other in zip(film, truth, strict=True)]
        for film, truth in zip(ours, theirs, strict=True)
    ]
    shown = [[pair for pair in film if pair != (None, None)] for film in pairs]
    shown_S = np.array([len(film) for film in shown])
    right_S = np.array([sum(mine == other for mine, other in film) for film in shown])

    def share(starts: NDArray[np.int64]) -> float:
        num_shown = shown_S[starts].sum()
        return float(right_S[starts].sum() / num_shown) if num_shown else float("nan")

    return estimate(share, len(pairs))


_Readings = Sequence[Sequence[Mapping[str, tuple[float, ...]]]]  # by film and frame
