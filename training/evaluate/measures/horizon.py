"""Long rollouts: sharpness, motion, drift and action following in windows at growing distance from
the last recorded frame. Drift is reported with motion only, because a frozen rollout drifts
little."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate.clips.evaluation_clips import EvaluationClip
from training.evaluate.inverse_dynamics.following import measure_following
from training.evaluate.inverse_dynamics.network import AFTER
from training.evaluate.inverse_dynamics.output import (
    Actions,
    InverseDynamicsOutput,
    predict_actions,
)
from training.evaluate.measures.frechet import frechet_of_starts
from training.evaluate.measures.motion import motion
from training.evaluate.measures.picture import gradient, psnr_db
from training.evaluate.measures.scores import MetricNetworks, Video
from training.evaluate.statistics.confidence import Estimate, estimate, mean_estimate

HORIZON = (16, 64, 128, 256, 300, 512, 1000)
_WINDOW = 64  # frames that end at the horizon's frame, or all there are


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonPoint:
    """The frames up to `frame` of `num_dreams` rollouts, with intervals over rollouts. PSNR, ratios
    and `frechet_own` compare with the recorded frames after the same actions at the same time.
    `frechet_own_real`: the distance of as much other recorded play; a rollout that loses its place
    but not its look comes close to this value."""

    frame: int
    num_dreams: int
    psnr_db: Estimate
    gradient_ratio: Estimate
    motion_ratio: Estimate
    frechet_own: Estimate
    frechet_own_real: Estimate
    action_f1: Estimate
    action_f1_ceiling: Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongRollout:
    """`frames` (T + 1, H, W, 3): generated after an evaluation clip with the player's recorded
    actions."""

    clip: EvaluationClip
    frames: NDArray[np.uint8]

    @property
    def num_frames(self) -> int:
        return len(self.frames) - AFTER


def measure_horizon(
    networks: MetricNetworks, rollouts: Sequence[LongRollout]
) -> list[HorizonPoint]:
    """One point for every frame of HORIZON that a rollout reaches."""
    measured = [_Measured.of(networks, rollout) for rollout in rollouts]
    points = []
    for frame in HORIZON:
        reaching = [m for m in measured if m.rollout.num_frames >= frame]
        if reaching:
            points.append(_point(networks, reaching, frame))
    return points


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Measured:
    rollout: LongRollout
    generated: InverseDynamicsOutput
    real: InverseDynamicsOutput

    @classmethod
    def of(cls, networks: MetricNetworks, rollout: LongRollout) -> "_Measured":
        clip = rollout.clip
        videos = (rollout.frames, clip.following.frames[: len(rollout.frames)])
        generated, real = (
            predict_actions(networks.inverse_dynamics, clip.with_context(video)) for video in videos
        )
        return cls(rollout=rollout, generated=generated, real=real)


def _point(networks: MetricNetworks, measured: Sequence[_Measured], frame: int) -> HorizonPoint:
    window = slice(max(0, frame - _WINDOW), frame)
    ours = [m.rollout.frames[window] for m in measured]
    real = [m.rollout.clip.following.frames[window] for m in measured]
    asked = [Actions.of(networks.space, m.rollout.clip.following.actions[window]) for m in measured]
    followed, ceiling = (
        measure_following(networks.space, asked, [reading.actions.take(window) for reading in side])
        for side in ([m.generated for m in measured], [m.real for m in measured])
    )
    ours_SMD, real_SMD = (
        [reading.features_MD[window] for reading in side]
        for side in ([m.generated for m in measured], [m.real for m in measured])
    )
    other_SMD = networks.other_real(len(measured), window.stop - window.start)
    return HorizonPoint(
        frame=frame,
        num_dreams=len(measured),
        psnr_db=mean_estimate(
            np.array([_mean_psnr_db(*videos) for videos in zip(ours, real, strict=True)])
        ),
        gradient_ratio=_ratio(gradient, ours, real),
        motion_ratio=_ratio(motion, ours, real),
        frechet_own=frechet_of_starts(ours_SMD, real_SMD),
        frechet_own_real=frechet_of_starts(other_SMD, real_SMD),
        action_f1=followed.f1,
        action_f1_ceiling=ceiling.f1,
    )


def _mean_psnr_db(ours: Video, real: Video) -> float:
    return float(np.mean([psnr_db(*pair) for pair in zip(ours, real, strict=True)]))


def _ratio(
    measure: Callable[[Video], float], ours: Sequence[Video], real: Sequence[Video]
) -> Estimate:
    """Of all dreams' to all real films'."""
    both_S2 = np.array([(measure(a), measure(b)) for a, b in zip(ours, real, strict=True)])

    def ratio(starts: NDArray[np.int64]) -> float:
        generated, truth = both_S2[starts].sum(axis=0)
        return float(generated / truth)

    return estimate(ratio, len(both_S2))
