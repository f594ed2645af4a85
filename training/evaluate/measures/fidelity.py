"""How pictures look, frame by frame: sharpness and closeness to the real ones, against plain
baselines. Knows no engine."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate.measures.colour import Colour, measure_colour
from training.evaluate.measures.picture import gradient, psnr_db
from training.evaluate.statistics.confidence import Estimate, mean_estimate

FRAMES = (1, 2, 4, 8, 16)

Video = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFidelity:
    """On held-out frames. `gradient_ratio` is the share of the real gradient that is kept."""

    psnr_db: Estimate
    gradient_ratio: float
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFidelity:
    """By number of dreamt frames. Gradient ratios are to the real frames and, for the dream
    alone, to the same frames after the tokenizer."""

    psnr_db: dict[int, float]
    copy_last_psnr_db: dict[int, float]
    mean_frame_psnr_db: dict[int, float]
    gradient_ratio: dict[int, float]
    gradient_to_tokenizer: dict[int, float]


def measure_tokenizer(real: Video, rebuilt: Video) -> TokenizerFidelity:
    pairs = zip(rebuilt, real, strict=True)
    return TokenizerFidelity(
        psnr_db=mean_estimate(np.array([psnr_db(ours, truth) for ours, truth in pairs])),
        gradient_ratio=gradient(rebuilt) / gradient(real),
        colour=measure_colour(real, rebuilt),
    )


def measure_rollout(
    generated: Sequence[Video], real: Sequence[Video], rebuilt: Sequence[Video], mean_frame: Video
) -> RolloutFidelity:
    """Films are (1 + frames, H, W, 3) and begin with the last real frame."""

    def mean_psnr(ours: Sequence[Video], frame: int) -> float:
        pairs = zip(ours, real, strict=True)
        return float(np.mean([psnr_db(picture, video[frame]) for picture, video in pairs]))

    def sharpness(videos: Sequence[Video], frame: int) -> float:
        return gradient(np.stack([video[frame] for video in videos]))

    return RolloutFidelity(
        psnr_db={n: mean_psnr([video[n] for video in generated], n) for n in FRAMES},
        copy_last_psnr_db={n: mean_psnr([video[0] for video in real], n) for n in FRAMES},
        mean_frame_psnr_db={n: mean_psnr([mean_frame] * len(real), n) for n in FRAMES},
        gradient_ratio={n: sharpness(generated, n) / sharpness(real, n) for n in FRAMES},
        gradient_to_tokenizer={n: sharpness(generated, n) / sharpness(rebuilt, n) for n in FRAMES},
    )
