"""Does a place persist? Compares rollouts by the world's own states and by recorded states with the
recorded frames, and tests whether a full turn returns to the first view. Knows no engine.

Frames are (H, W, 3) uint8.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.recording import Recording
from training.evaluate.measures.picture import Pixels, gradient, psnr_db
from training.evaluate.measures.scores import Video

NEAR_DEG, NEAR_UNITS = 20.0, 48.0
_SAME_DEG, _SAME_UNITS = 4.0, 8.0  # no other view: less than this and it is the same one
_VIEWS = 16  # near ones, and as many from anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePoint:
    """Means over `num_dreams` rollouts at one frame. `own`: by the world's own state; `true`: by
    the recorded state. PSNR is against the recorded frames, gradient against the recorded frames
    through the tokenizer. `lost_units`: distance of the own state from the recorded state (median,
    90th percentile)."""

    frame: int
    num_dreams: int
    psnr_db_own: float
    psnr_db_true: float
    gradient_own: float
    gradient_true: float
    lost_units: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFigures:
    """`loop_closure`: share of `num_loops` full turns after which the image is closer to the first
    image than to every other view of the place; None without turns."""

    points: tuple[PlacePoint, ...]
    loop_closure: float | None
    num_loops: int


def measure_point(
    frame: int,
    *,
    real: Sequence[Video],
    rebuilt: Sequence[Video],
    own: Sequence[Video],
    true: Sequence[Video],
    lost: Sequence[float],
) -> PlacePoint:
    """Videos (T, H, W, 3) reach `frame`, counted from 1. `lost`: in map units."""
    at = [np.stack([video[frame - 1] for video in side]) for side in (real, rebuilt, own, true)]
    truth, most, ours, recorded = at
    return PlacePoint(
        frame=frame,
        num_dreams=len(truth),
        psnr_db_own=_mean_psnr(ours, truth),
        psnr_db_true=_mean_psnr(recorded, truth),
        gradient_own=gradient(ours) / gradient(most),
        gradient_true=gradient(recorded) / gradient(most),
        lost_units=(float(np.median(lost)), float(np.quantile(lost, 0.9))),
    )


def other_views(
    recordings: Sequence[Recording], pose: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Recorded images (N, H, W, 3) of the place from other positions: up to 16 near the pose
    (within 20 degrees and 48 units) and 16 from anywhere."""
    poses = np.concatenate([recording.poses for recording in recordings])
    turned = np.abs((poses[:, 2] - pose[2] + 180.0) % 360.0 - 180.0)
    away = np.hypot(*(poses[:, :2] - pose[:2]).T)
    other = (turned > _SAME_DEG) | (away > _SAME_UNITS)
    near = other & (turned < NEAR_DEG) & (away < NEAR_UNITS)
    chosen = [
        rng.choice(found, min(_VIEWS, len(found)), replace=False)
        for found in (np.flatnonzero(near), np.flatnonzero(other & ~near))
    ]
    firsts = np.cumsum([0] + [len(recording.poses) for recording in recordings])
    return np.stack([_picture(recordings, firsts, number) for number in np.concatenate(chosen)])


def is_back(first: Pixels, last: Pixels, others: NDArray[np.uint8]) -> bool:
    """The last image is closer to the first image than to every image of `others`."""
    return all(psnr_db(last, first) > psnr_db(last, other) for other in others)


def _mean_psnr(ours: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    return float(np.mean([psnr_db(one, other) for one, other in zip(ours, truth, strict=True)]))


def _picture(recordings: Sequence[Recording], firsts: NDArray[np.int64], number: int) -> Pixels:
    recording = int(np.searchsorted(firsts, number, side="right")) - 1
    return np.asarray(recordings[recording].frames[number - firsts[recording]])
