"""One row of the comparison: whoever made the frames, a world or a plain baseline, is scored alike
on the same passages of real play. Knows no engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.evaluate.confidence import Estimate, estimate, mean_estimate
from training.evaluate.measures.frechet import frechet, frechet_of_starts
from training.evaluate.measures.picture import gradient, psnr_db, ssim
from training.evaluate.passages import Passage
from training.evaluate.reader.following import Following, measure_following
from training.evaluate.reader.network import AFTER, ActionReader
from training.evaluate.reader.reading import Actions, read

FRAME = 16  # at which pictures are compared
NUM_FRAMES = FRAME + AFTER  # to be made, so that the action of the last one can be read

Film = NDArray[np.uint8]  # (NUM_FRAMES, H, W, 3): what follows a passage's context
PictureDistance = Callable[[Film, Film], NDArray[np.float64]]  # of (N, H, W, 3), per picture
FilmFeatures = Callable[[NDArray[np.uint8]], NDArray[np.float64]]  # (B, N, H, W, 3) to (B, D)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """The networks that score. The last two need weights that are not ours to ship."""

    space: ActionSpace
    reader: ActionReader
    other_real_MD: NDArray[np.float64]  # the reader's features of real play in no passage
    lpips: PictureDistance | None = None
    fvd_features: FilmFeatures | None = None

    def other_real(self, num_starts: int, num_frames: int) -> list[NDArray[np.float64]]:
        """Features of so many pieces of other real play: how far real play lies from real play."""
        last = len(self.other_real_MD) - num_frames
        firsts = np.linspace(0, last, num_starts).astype(int)
        return [self.other_real_MD[first : first + num_frames] for first in firsts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Pictures at frame 16, and features and actions over frames 1 to 16, against the real ones
    that followed the same hands. `gradient_16` is the share of the real gradient."""

    psnr_16: Estimate
    ssim_16: Estimate
    gradient_16: Estimate
    frechet_own: Estimate
    following: Following
    lpips_16: Estimate | None
    fvd: float | None


def score(judges: Judges, passages: Sequence[Passage], films: Sequence[Film]) -> Scores:
    truth = [passage.following.frames for passage in passages]
    pictures = [film[FRAME - 1] for film in films]
    real = [frames[FRAME - 1] for frames in truth]
    pairs = list(zip(pictures, real, strict=True))
    ours_S, real_S = (
        np.array([gradient(picture) for picture in side]) for side in (pictures, real)
    )
    readings, real_readings = (
        [
            read(judges.reader, passage.led_by_context(film[:NUM_FRAMES]))
            for passage, film in zip(passages, side, strict=True)
        ]
        for side in (films, truth)
    )
    asked = [Actions.of(judges.space, passage.following.actions[:FRAME]) for passage in passages]
    return Scores(
        psnr_16=mean_estimate(np.array([psnr_db(*pair) for pair in pairs])),
        ssim_16=mean_estimate(np.array([ssim(*pair) for pair in pairs])),
        gradient_16=estimate(lambda s: float(ours_S[s].mean() / real_S[s].mean()), len(films)),
        frechet_own=frechet_of_starts(
            [reading.features_MD for reading in readings],
            [reading.features_MD for reading in real_readings],
        ),
        following=measure_following(judges.space, asked, [r.actions for r in readings]),
        lpips_16=mean_estimate(judges.lpips(np.stack(pictures), np.stack(real)))
        if judges.lpips
        else None,
        fvd=_fvd(judges.fvd_features, films, truth) if judges.fvd_features else None,
    )


def _fvd(features: FilmFeatures, films: Sequence[Film], truth: Sequence[Film]) -> float:
    ours, real = (features(np.stack(side)[:, :FRAME]) for side in (films, truth))
    return frechet(ours, real)
