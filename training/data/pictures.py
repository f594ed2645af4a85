"""Picture files, grids and captions of frames. The only writer of pictures."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB
_GAP_PX = 2
_LABEL_PX = 12
_CAPTION_PX = 22
_WEBP_QUALITY = 70


def write_png(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
        raise OSError(f"could not write {path}")


def write_webp(path: Path, frames: Sequence[Pixels], *, fps: float) -> None:
    """A picture that moves, for ever."""
    moving = cv2.Animation()
    moving.frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in frames]
    moving.durations = [round(1000 / fps)] * len(frames)
    moving.loop_count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwriteanimation(str(path), moving, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY]):
        raise OSError(f"could not write {path}")


def captioned(pixels: Pixels, caption: str, *, times: int) -> Pixels:
    """The frame `times` as large, with a dark row of text below it."""
    height, width = pixels.shape[0] * times, pixels.shape[1] * times
    large = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
    row = np.zeros((_CAPTION_PX, width, 3), np.uint8)
    cv2.putText(
        row,
        caption,
        (6, _CAPTION_PX - 7),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.5,
        (235, 140, 70),
        1,
        cv2.LINE_AA,
    )
    framed: Pixels = np.concatenate([large, row])
    return framed


def grid(rows: Sequence[Sequence[Pixels]], row_labels: Sequence[str] = ()) -> Pixels:
    """Frames of one size in rows, with an optional label above each row."""
    return np.concatenate(
        [
            part
            for i, row in enumerate(rows)
            for part in _labelled(_row(row), row_labels[i] if row_labels else "")
        ]
    )


def _row(frames: Sequence[Pixels]) -> Pixels:
    height = frames[0].shape[0]
    gap = np.full((height, _GAP_PX, 3), 255, np.uint8)
    parts = [part for frame in frames for part in (frame, gap)]
    return np.concatenate(parts[:-1], axis=1)


def _labelled(row: Pixels, label: str) -> list[Pixels]:
    strip = np.full((_LABEL_PX if label else _GAP_PX, row.shape[1], 3), 255, np.uint8)
    if label:
        cv2.putText(
            strip,
            label,
            (2, _LABEL_PX - 3),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.33,
            (0, 0, 0),
            1,
            cv2.LINE_AA,
        )
    return [strip, row]
