"""The measures see what they should on pictures whose motion is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluate.measures.fidelity import measure_rollout
from training.evaluate.measures.motion import shift_px, zoom
from training.evaluate.measures.picture import gradient, psnr_db
from training.evaluate.measures.steering import measure_steering

_RNG = np.random.default_rng(0)


def _smooth(height: int, width: int) -> NDArray[np.float64]:
    """Random blobs a few pixels wide."""
    spectrum = np.fft.rfft2(_RNG.normal(size=(height, width)))
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    field = np.fft.irfft2(spectrum * np.exp(-200 * (rows**2 + columns**2)), (height, width))
    scaled: NDArray[np.float64] = (field - field.min()) / np.ptp(field) * 255
    return scaled


def _frame(field: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.repeat(field[..., None], 3, axis=-1).round().astype(np.uint8)


WIDE = _smooth(80, 400)


@pytest.mark.parametrize("pixels", [-15, -6, 0, 1, 9])
def test_shift_is_how_far_the_picture_moved_right(pixels: int) -> None:
    before, after = _frame(WIDE[:, 100:228]), _frame(WIDE[:, 100 - pixels : 228 - pixels])
    assert shift_px(before, after) == pytest.approx(pixels, abs=0.3)


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.17, 1.4])
def test_zoom_is_the_scale_about_the_centre(scale: float) -> None:
    field = WIDE[:, :128]
    rows = np.clip(39.5 + (np.arange(80) - 39.5) / scale, 0, 79).round().astype(int)
    columns = np.clip(63.5 + (np.arange(128) - 63.5) / scale, 0, 127).round().astype(int)
    nearer = field[np.ix_(rows, columns)]
    assert zoom(_frame(field), _frame(nearer)) == pytest.approx(scale, abs=0.03)


def test_blur_loses_gradient_and_psnr() -> None:
    noisy = _RNG.integers(0, 255, (40, 40, 3)).astype(np.uint8)
    blurred = ((noisy.astype(int) + np.roll(noisy, 1, axis=1)) // 2).astype(np.uint8)
    assert gradient(blurred) < 0.9 * gradient(noisy)
    assert psnr_db(blurred, noisy) < psnr_db(noisy, noisy)


def _turning(speed: int) -> NDArray[np.uint8]:
    return np.stack([_frame(WIDE[:, 150 + speed * i : 278 + speed * i]) for i in range(19)])


def test_steering_counts_turns_that_go_the_way_of_the_key() -> None:
    still = _turning(0)
    right, left = _turning(6), _turning(-6)
    films = {"forward": [still], "idle": [still], "back": [still], "act": [still]}
    steering = measure_steering(films | {"left": [left], "right": [right]})
    assert (steering.turns_opposite, steering.idle_still, steering.forward_nearer) == (1, 1, 0)
    assert steering.left_px == pytest.approx(6, abs=0.5)
    assert measure_steering(films | {"left": [right], "right": [left]}).turns_opposite == 0
    assert measure_steering(films | {"left": [left], "right": [still]}).turns_opposite == 0


def test_a_dream_that_copies_scores_as_the_copying_baseline() -> None:
    real = [_turning(4)]
    copied = [np.repeat(film[:1], len(film), axis=0) for film in real]
    fidelity = measure_rollout(copied, real, real, real[0].mean(axis=0).astype(np.uint8))
    assert fidelity.psnr_db == fidelity.copy_last_psnr_db
    assert fidelity.psnr_db[1] > fidelity.psnr_db[8]
