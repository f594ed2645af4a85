"""How pictures moved. Knows no network; the same measures are taken on real frames as control.

Frames are (H, W, 3) uint8. The lowest third, where the weapon is, is left out of shift and zoom.
"""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
_SEEN_ROWS = 0.66
_MAX_SHIFT = 0.2  # of the width, between two frames
_CELL_PX = 4
_ZOOMS = np.round(np.arange(0.64, 1.801, 0.02), 2)


def shift_px(before: Pixels, after: Pixels) -> float:
    """Horizontal motion of the picture in pixels, positive to the right, by the peak of the
    normalised cross-correlation, refined by a parabola."""
    a, b = _luma(before), _luma(after)
    most = int(a.shape[1] * _MAX_SHIFT)
    shifts = np.arange(-most, most + 1)
    scores = np.array([_correlation(*_overlap(a, b, int(shift))) for shift in shifts])
    return _refined_peak(shifts.astype(float), scores)


def zoom(before: Pixels, after: Pixels) -> float:
    """Scale about the picture's centre that turns `before` into `after`; above 1 is nearer."""
    a, b = _luma(before), _luma(after)
    height, width = before.shape[0], before.shape[1]
    rows = np.arange(height * 0.12, len(a) - 1).astype(int)
    columns = np.arange(width * 0.14, width * 0.86).astype(int)
    target = b[np.ix_(rows, columns)]
    scores = np.array(
        [
            _correlation(
                _sample(a, rows, columns, height / 2 - 0.5, width / 2 - 0.5, scale), target
            )
            for scale in _ZOOMS
        ]
    )
    return _refined_peak(_ZOOMS, scores)


def motion(frames: NDArray[np.uint8]) -> float:
    """Mean change between neighbours of (N, H, W, 3), in grey levels. Of cells of 4x4 pixels, so
    that noise which flickers from frame to frame hardly counts."""
    num_frames, height, width, _ = frames.shape
    cells = frames[:, : height // _CELL_PX * _CELL_PX, : width // _CELL_PX * _CELL_PX]
    cells = cells.reshape(num_frames, height // _CELL_PX, _CELL_PX, width // _CELL_PX, _CELL_PX, 3)
    return float(np.abs(np.diff(cells.mean(axis=(2, 4)), axis=0)).mean())


def muzzle_light(frame: Pixels) -> float:
    """Brightness above the weapon, in the middle of the lower half."""
    height, width = frame.shape[:2]
    box = frame[int(height * 0.45) : int(height * 0.80), int(width * 0.42) : int(width * 0.58)]
    return float(box.mean())


def _luma(frame: Pixels) -> NDArray[np.float32]:
    seen = frame[: int(frame.shape[0] * _SEEN_ROWS)].astype(np.float32)
    grey: NDArray[np.float32] = seen.mean(axis=-1)
    return grey


def _overlap(
    a: NDArray[np.float32], b: NDArray[np.float32], shift: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if shift >= 0:
        return a[:, : a.shape[1] - shift], b[:, shift:]
    return a[:, -shift:], b[:, :shift]


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


def _refined_peak(places: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    peak = int(scores.argmax())
    if peak in (0, len(scores) - 1):
        return float(places[peak])
    left, middle, right = scores[peak - 1 : peak + 2]
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(places[peak] + offset * (places[1] - places[0]))


def _sample(
    image: NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    centre_row: float,
    centre_column: float,
    scale: float,
) -> NDArray[np.float32]:
    """`image` magnified by `scale` about the centre, at these rows and columns (bilinear)."""
    y = np.clip(centre_row + (rows - centre_row) / scale, 0, image.shape[0] - 1.001)
    x = np.clip(centre_column + (columns - centre_column) / scale, 0, image.shape[1] - 1.001)
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx = (y - y0)[:, None], (x - x0)[None, :]
    top = image[np.ix_(y0, x0)] * (1 - fx) + image[np.ix_(y0, x0 + 1)] * fx
    bottom = image[np.ix_(y0 + 1, x0)] * (1 - fx) + image[np.ix_(y0 + 1, x0 + 1)] * fx
    sampled: NDArray[np.float32] = top * (1 - fy) + bottom * fy
    return sampled
