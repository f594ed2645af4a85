"""What a page shows, as numbers."""

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

WIDTH, HEIGHT = 64, 40

_READ = f"""() => {{
  const canvas = new OffscreenCanvas({WIDTH}, {HEIGHT});
  const context = canvas.getContext("2d");
  context.drawImage(document.getElementById("view"), 0, 0, {WIDTH}, {HEIGHT});
  return Array.from(context.getImageData(0, 0, {WIDTH}, {HEIGHT}).data);
}}"""


def picture(page: Page) -> NDArray[np.float64]:
    """The video's picture now: (HEIGHT, WIDTH, 3), 0 to 1."""
    values = np.array(page.evaluate(_READ), dtype=np.float64)
    return values.reshape(HEIGHT, WIDTH, 4)[..., :3] / 255


def difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean absolute difference of two pictures, 0 to 1."""
    return float(np.abs(one - other).mean())
