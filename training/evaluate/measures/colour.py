"""Do strong colours survive? A green screen dreamt red costs little PSNR and no sharpness, yet is
the first thing a player sees. Knows no network.

Colours are compared as vectors away from grey: (red - green, blue - yellow).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRONG = 60.0  # distance from grey of a landmark's colour; pure green is at 285
_LEAST_PIXELS = 200
_PRIMARIES = {
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
    "green": (0, 255, 0),
    "cyan": (0, 255, 255),
    "blue": (0, 0, 255),
    "magenta": (255, 0, 255),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """On pixels whose real colour is strong. `kept` is the part of the real colour that is still
    there, in its own direction: 1 all of it, 0 grey, below 0 another hue."""

    strong_share: float
    kept: float
    kept_by_hue: dict[str, float]  # hues of at least 200 pixels


def measure_colour(real: NDArray[np.uint8], shown: NDArray[np.uint8]) -> Colour:
    """`real` and `shown` are (..., 3), pixel by pixel. Where no colour is strong, `kept` is not a
    number."""
    truth_N2, ours_N2 = from_grey(real).reshape(-1, 2), from_grey(shown).reshape(-1, 2)
    is_strong = np.hypot(*truth_N2.T) >= STRONG
    truth_N2, ours_N2 = truth_N2[is_strong], ours_N2[is_strong]
    names = list(_PRIMARIES)
    hues_H2 = from_grey(np.array(list(_PRIMARIES.values()), np.uint8))
    hues_H2 /= np.linalg.norm(hues_H2, axis=1, keepdims=True)
    nearest_N = (truth_N2 @ hues_H2.T).argmax(axis=1)
    members = {name: nearest_N == i for i, name in enumerate(names)}
    return Colour(
        strong_share=float(is_strong.mean()),
        kept=_kept(truth_N2, ours_N2) if is_strong.any() else math.nan,
        kept_by_hue={
            name: _kept(truth_N2[mine], ours_N2[mine])
            for name, mine in members.items()
            if mine.sum() >= _LEAST_PIXELS
        },
    )


def from_grey(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(..., 3) pixels as (..., 2) colour vectors; grey of any brightness is the origin."""
    red, green, blue = np.moveaxis(pixels.astype(np.float64), -1, 0)
    return np.stack((red - green, blue - (red + green) / 2), axis=-1)


def _kept(truth_N2: NDArray[np.float64], ours_N2: NDArray[np.float64]) -> float:
    return float((truth_N2 * ours_N2).sum() / np.square(truth_N2).sum())
