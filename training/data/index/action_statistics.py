"""What hands do in recordings, measured: a model learns only what it has seen often enough."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

CAMERA = ("pitch", "yaw")
_REST_FRAMES = 4  # nothing pressed for so long is a rest, not a gap between two keys
_REVERSAL_FRAMES = 8  # a turn the other way within so many frames is a reversal

Shares = dict[str, float]


def measure(actions_NA: NDArray[np.float32], names: Sequence[str]) -> Shares:
    """Shares of frames in [0, 1]; `names` says what the A entries are. By button: down, and alone
    (down with nothing else); `turning` with the camera, in all and by speed (the entry's size);
    `nothing` pressed, `resting` (nothing for 4 frames or more), `reversals` of a turn."""
    is_down = actions_NA != 0
    is_alone = is_down & (is_down.sum(axis=1) == 1)[:, None]
    is_camera = np.array([name in CAMERA for name in names])
    camera_NK = actions_NA[:, is_camera]
    shares: Shares = {}
    for i, name in enumerate(names):
        if name not in CAMERA:
            shares[name] = is_down[:, i].mean()
            shares[f"{name} alone"] = is_alone[:, i].mean()
    shares["turning"] = (camera_NK != 0).any(axis=1).mean()
    shares["turning alone"] = ((camera_NK != 0).any(axis=1) & ~is_down[:, ~is_camera].any(1)).mean()
    for speed in np.unique(np.abs(camera_NK[camera_NK != 0]).round(3)):
        shares[f"turning at {speed:.3f}"] = np.isclose(np.abs(camera_NK), speed, atol=5e-4).mean()
    is_nothing = ~is_down.any(axis=1)
    rests = [run for run in run_lengths(is_nothing) if run >= _REST_FRAMES]
    shares["nothing"] = is_nothing.mean()
    shares["resting"] = sum(rests) / len(actions_NA)
    shares["reversals"] = _num_reversals(camera_NK) / len(actions_NA)
    return {name: round(float(share), 5) for name, share in shares.items()}


def mean(recordings: Iterable[tuple[int, Shares]]) -> Shares:
    """Of several recordings, each with its number of frames."""
    weighed = list(recordings)
    total = sum(num_frames for num_frames, _ in weighed)
    names = dict.fromkeys(name for _, shares in weighed for name in shares)
    return {
        name: round(sum(frames * shares.get(name, 0.0) for frames, shares in weighed) / total, 5)
        for name in names
    }


def run_lengths(is_true_N: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of True, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_true_N, [False])).astype(np.int8)))
    lengths: NDArray[np.int64] = edges[1::2] - edges[::2]
    return lengths


def _num_reversals(camera_NK: NDArray[np.float32]) -> int:
    """Times that an angle turns against the way it last turned, a short while after."""
    count = 0
    for angle_N in np.sign(camera_NK).T:
        turning = np.flatnonzero(angle_N)
        flips = angle_N[turning[1:]] != angle_N[turning[:-1]]
        count += int((flips & (np.diff(turning) <= _REVERSAL_FRAMES)).sum())
    return count
