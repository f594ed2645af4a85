"""Recordings: frames and the actions that led to them. Knows no game and no network.

A recording is one folder with `frames.npy` (N, H, W, 3) uint8, `actions.npy` (N, A) float32,
`poses.npy` (N, 3) float32 and `cuts.npy` (N,) bool. `actions[i]` leads to `frames[i]`; `cuts[i]`
says that `frames[i]` does not follow from `frames[i - 1]` (the start, or a jump of the camera).
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.atomic_io import reading

_ARRAYS = ("frames", "actions", "poses", "cuts")


class TooLittlePlay(ValueError):
    """No recording is long enough; the message gives the needed length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One continuous recording of play. `poses`: x, y (map units) and yaw (degrees, clockwise).
    `lost`: counts of unusable parts by reason; not saved."""

    frames: NDArray[np.uint8]
    actions: NDArray[np.float32]
    poses: NDArray[np.float32]
    cuts: NDArray[np.bool_]
    lost: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if len({len(self.frames), len(self.actions), len(self.poses), len(self.cuts)}) != 1:
            raise ValueError(
                f"as many actions, poses and cuts as frames, got {len(self.frames)} frames, "
                f"{len(self.actions)}, {len(self.poses)}, {len(self.cuts)}"
            )

    def part(self, first: int, last: int) -> "Recording":
        """Frames `first` up to, not including, `last` (negative counts from the end)."""
        return Recording(
            frames=self.frames[first:last],
            actions=self.actions[first:last],
            poses=self.poses[first:last],
            cuts=self.cuts[first:last],
        )

    def digest(self) -> str:
        """The sha256 of the content, shapes included."""
        digest = hashlib.sha256()
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
            digest.update(array.data)
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Writes `cuts.npy` last and atomically: the file marks a complete recording."""
        folder.mkdir(parents=True, exist_ok=True)
        *first, last = _ARRAYS
        for name in first:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        np.save(folder / "building.npy", getattr(self, last), allow_pickle=False)
        os.replace(folder / "building.npy", folder / f"{last}.npy")

    @staticmethod
    def load(folder: Path) -> "Recording":
        """Frames stay memory-mapped. Raises DamagedFile."""
        with reading(folder, "remove it and run the record stage again"):
            return Recording(
                frames=np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False),
                actions=np.load(folder / "actions.npy", allow_pickle=False),
                poses=np.load(folder / "poses.npy", allow_pickle=False),
                cuts=np.load(folder / "cuts.npy", allow_pickle=False),
            )


def load_recordings(folder: Path) -> list[Recording]:
    """Every recording under `folder`, ordered by name."""
    found = sorted(path.parent for path in folder.glob("*/cuts.npy"))
    if not found:
        raise FileNotFoundError(f"no recordings under {folder}; run the record stage first")
    return [Recording.load(path) for path in found]


def sample_evenly(films: Sequence[NDArray[np.uint8]], count: int) -> NDArray[np.uint8]:
    """About `count` frames (N, H, W, 3) at equal distances over all films."""
    stride = max(1, sum(map(len, films)) // count)
    return np.concatenate([film[::stride] for film in films])


def clip_starts(cuts: NDArray[np.bool_], num_frames: int) -> NDArray[np.int64]:
    """Indices where `num_frames` frames in a row hold no cut after the first of them."""
    last = len(cuts) - num_frames + 1
    if last <= 0:
        return np.empty(0, np.int64)
    cuts_before = np.concatenate(([0], np.cumsum(cuts)))
    starts = np.arange(last)
    inside = cuts_before[starts + num_frames] - cuts_before[starts + 1]
    allowed: NDArray[np.int64] = starts[inside == 0]
    return allowed
