"""Where a world's own rules can read a frame: how often a made one shows what the real one shows.
Knows no rules; an oracle knows them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.games.frame_oracle import FrameOracle, Shown
from training.evaluate.statistics.confidence import Estimate, estimate


def read_rightly(
    oracle: FrameOracle, videos: Sequence[NDArray[np.uint8]], real: Sequence[NDArray[np.uint8]]
) -> dict[str, Estimate]:
    """By name, the share of frames that agree about a thing, of those in which either film shows
    it: who never lights a lamp is never right about it. NaN where no frame shows it."""
    ours, theirs = (
        [[oracle.read(frame) for frame in video] for video in side] for side in (videos, real)
    )
    names = sorted({name for video in theirs for shown in video for name in shown})
    return {name: _agreement(oracle, name, ours, theirs) for name in names}


def _agreement(oracle: FrameOracle, name: str, ours: "_Readings", theirs: "_Readings") -> Estimate:
    pairs = [
        [(mine.get(name), other.get(name)) for mine, other in zip(video, truth, strict=True)]
        for video, truth in zip(ours, theirs, strict=True)
    ]
    shown = [[pair for pair in video if pair != (None, None)] for video in pairs]
    shown_S = np.array([len(video) for video in shown])
    right_S = np.array([sum(oracle.is_right(name, *pair) for pair in video) for video in shown])

    def share(starts: NDArray[np.int64]) -> float:
        num_shown = shown_S[starts].sum()
        return float(right_S[starts].sum() / num_shown) if num_shown else float("nan")

    return estimate(share, len(pairs))


_Readings = Sequence[Sequence[Mapping[str, Shown]]]  # by film and frame
