"""The rows of the comparison: whoever made the frames, a world or a plain baseline, is scored alike
after the same passages of real play. Knows no engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.games.frame_oracle import FrameOracle
from training.evaluate.clips.evaluation_clips import FRAME, NUM_FRAMES, EvaluationClip
from training.evaluate.inverse_dynamics.following import Following, measure_following, shuffled
from training.evaluate.inverse_dynamics.network import InverseDynamics
from training.evaluate.inverse_dynamics.output import (
    Actions,
    InverseDynamicsOutput,
    predict_actions,
)
from training.evaluate.measures.frechet import frechet, frechet_of_starts
from training.evaluate.measures.oracle import read_rightly
from training.evaluate.measures.picture import gradient, psnr_db, ssim
from training.evaluate.statistics.confidence import Estimate, estimate, mean_estimate

Video = NDArray[np.uint8]  # (NUM_FRAMES, H, W, 3): what follows a passage's context
PictureDistance = Callable[[Video, Video], NDArray[np.float64]]  # of (N, H, W, 3), per picture
VideoFeatures = Callable[[NDArray[np.uint8]], NDArray[np.float64]]  # (B, N, H, W, 3) to (B, D)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNetworks:
    """What scores: networks, of which the last two need weights that are not ours to ship, and an
    `oracle` where a world's own rules can read a frame."""

    space: ActionSpace
    inverse_dynamics: InverseDynamics
    other_real_MD: NDArray[np.float64]  # features of real play in no passage
    oracle: FrameOracle | None = None
    lpips: PictureDistance | None = None
    fvd_features: VideoFeatures | None = None

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
    oracle: Estimate | None  # the share of frames whose action it reads right
    dynamics: Mapping[str, Estimate]  # the same of all else that it reads, by name
    lpips_16: Estimate | None
    fvd: float | None


class Comparison:
    """Scores anyone's films after the same passages. Reads the real ones once."""

    def __init__(self, networks: MetricNetworks, clips: Sequence[EvaluationClip]) -> None:
        self._networks = networks
        self._clips = clips
        self._real = [clip.following.frames[:NUM_FRAMES] for clip in clips]
        self._asked = [Actions.of(networks.space, p.following.actions[:FRAME]) for p in clips]
        self._real_features = [reading.features_MD for reading in self._read(self._real)]

    def score(self, videos: Sequence[Video]) -> Scores:
        """`films[i]` is what somebody made to follow passage i."""
        networks, num_starts = self._networks, len(videos)
        ours, real = (
            np.stack([video[FRAME - 1] for video in side]) for side in (videos, self._real)
        )
        pairs = list(zip(ours, real, strict=True))
        ours_S, real_S = (
            np.array([gradient(picture) for picture in side]) for side in (ours, real)
        )
        readings = self._read(videos)
        seen = self._seen_by_the_oracle(videos)
        return Scores(
            psnr_16=mean_estimate(np.array([psnr_db(*pair) for pair in pairs])),
            ssim_16=mean_estimate(np.array([ssim(*pair) for pair in pairs])),
            gradient_16=estimate(lambda s: float(ours_S[s].mean() / real_S[s].mean()), num_starts),
            frechet_own=frechet_of_starts(
                [reading.features_MD for reading in readings], self._real_features
            ),
            following=measure_following(networks.space, self._asked, [r.actions for r in readings]),
            oracle=seen.pop("action", None),
            dynamics=seen,
            lpips_16=mean_estimate(networks.lpips(ours, real)) if networks.lpips else None,
            fvd=self._fvd(networks.fvd_features, videos) if networks.fvd_features else None,
        )

    def f1_by_chance(self, videos: Sequence[Video]) -> Estimate:
        """How well `films` would seem to follow actions that nobody gave."""
        seen = [reading.actions for reading in self._read(videos)]
        return measure_following(self._networks.space, shuffled(self._asked), seen).f1

    def frechet_real(self) -> Estimate:
        """From the real frames to as much other real play."""
        other = self._networks.other_real(len(self._clips), FRAME)
        return frechet_of_starts(other, self._real_features)

    def _read(self, videos: Sequence[Video]) -> list[InverseDynamicsOutput]:
        return [
            predict_actions(self._networks.inverse_dynamics, clip.with_context(video))
            for clip, video in zip(self._clips, videos, strict=True)
        ]

    def _seen_by_the_oracle(self, videos: Sequence[Video]) -> dict[str, Estimate]:
        if self._networks.oracle is None:
            return {}
        ours, real = ([video[:FRAME] for video in side] for side in (videos, self._real))
        return read_rightly(self._networks.oracle, ours, real)

    def _fvd(self, features: VideoFeatures, videos: Sequence[Video]) -> float:
        ours, real = (features(np.stack(side)[:, :FRAME]) for side in (videos, self._real))
        return frechet(ours, real)
