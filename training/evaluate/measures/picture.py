"""How sharp pictures are and how close one is to another. Knows no network and no motion.

Frames are (H, W, 3) uint8.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def gradient(frames_NHWC: NDArray[np.uint8]) -> float:
    """Mean absolute difference of neighbouring pixels, both ways: how much detail there is."""
    pixels = frames_NHWC.astype(np.float32)
    across = np.abs(np.diff(pixels, axis=-2)).mean()
    down = np.abs(np.diff(pixels, axis=-3)).mean()
    return float(across + down)


def psnr_db(frame: Pixels, truth: Pixels) -> float:
    error = np.square(frame.astype(np.float32) - truth.astype(np.float32)).mean()
    return float(10 * np.log10(255.0**2 / max(float(error), 1e-3)))


def ssim(frame: Pixels, truth: Pixels) -> float:
    """Structural similarity of the brightness (Wang et al., 2004): Gaussian window of 11 pixels,
    sigma 1.5, averaged over the places where the window fits."""
    a, b = (picture.astype(np.float64).mean(axis=-1) for picture in (frame, truth))
    mean_a, mean_b = _smooth(a), _smooth(b)
    variance_a, variance_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
    covariance = _smooth(a * b) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + _SSIM_C1) / (mean_a**2 + mean_b**2 + _SSIM_C1)
    structure = (2 * covariance + _SSIM_C2) / (variance_a + variance_b + _SSIM_C2)
    return float((brightness * structure).mean())


def _smooth(image: NDArray[np.float64]) -> NDArray[np.float64]:
    for axis in (0, 1):
        windows: NDArray[np.float64] = sliding_window_view(image, _SSIM_WINDOW, axis=axis)
        image = windows @ _GAUSSIAN
    return image


def _gaussian() -> NDArray[np.float64]:
    offsets = np.arange(_SSIM_WINDOW) - _SSIM_WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


_GAUSSIAN = _gaussian()
