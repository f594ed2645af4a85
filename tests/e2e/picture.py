"""Reads a page's video as arrays, and measures sideways motion."""

import base64
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

WIDTH, HEIGHT = 128, 80
MAX_SHIFT = 14  # columns between two frames
SCENE_ROWS = slice(0, 45)  # above the weapon, which does not move

Picture = NDArray[np.float64]  # (HEIGHT, WIDTH), 0 to 1

# Keeps one grey picture for every frame that is shown from now on, as base64.
_WATCH = f"""() => {{
  const view = document.getElementById("view");
  const canvas = new OffscreenCanvas({WIDTH}, {HEIGHT});
  const context = canvas.getContext("2d", {{ willReadFrequently: true }});
  const seen = (window.seenPictures = []);
  const keep = () => {{
    if (window.seenPictures !== seen) return;
    context.drawImage(view, 0, 0, {WIDTH}, {HEIGHT});
    const {{ data }} = context.getImageData(0, 0, {WIDTH}, {HEIGHT});
    let grey = "";
    for (let i = 0; i < data.length; i += 4)
      grey += String.fromCharCode((data[i] + data[i + 1] + data[i + 2]) / 3);
    seen.push(btoa(grey));
    view.requestVideoFrameCallback(keep);
  }};
  view.requestVideoFrameCallback(keep);
}}"""


def next_pictures(page: Page, count: int, *, timeout_s: float = 60) -> list[Picture]:
    """Returns the next `count` frames shown by the page."""
    page.evaluate(_WATCH)
    for _ in range(round(timeout_s / 0.05)):
        if page.evaluate("seenPictures.length") >= count:
            break
        page.wait_for_timeout(50)
    seen: list[str] = page.evaluate("{ const s = seenPictures; seenPictures = null; s }")
    assert len(seen) >= count, f"{len(seen)} frames in {timeout_s:.0f} s"
    return [_decode(text) for text in seen[:count]]


def difference(one: Picture, other: Picture) -> float:
    """Mean absolute difference, 0 to 1."""
    return float(np.abs(one - other).mean())


def drift(pictures: list[Picture]) -> int:
    """Returns the total sideways motion of the scene in columns, positive to the right, as after a
    left turn."""
    return sum(_shift(one[SCENE_ROWS], other[SCENE_ROWS]) for one, other in pairwise(pictures))


def _shift(before: Picture, after: Picture) -> int:
    def mismatch(shift: int) -> float:
        stays = slice(max(shift, 0), WIDTH + min(shift, 0))
        came = slice(max(-shift, 0), WIDTH + min(-shift, 0))
        return difference(after[:, stays], before[:, came])

    return min(range(-MAX_SHIFT, MAX_SHIFT + 1), key=mismatch)


def _decode(text: str) -> Picture:
    grey = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    return grey.reshape(HEIGHT, WIDTH).astype(np.float64) / 255
