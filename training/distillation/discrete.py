"""Discrete consistency distillation (arXiv 2303.01469): the plain way, and the yardstick for the
others. Two neighbours on the teacher's path must map to the same clean frame.

Shape letters: B clips, F frames, C h w latent channels, rows, columns.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from model.sampling.trigflow import estimate_clean, rotate
from training.distillation.clips import NoisyClips
from training.distillation.student import Outcome, Student
from training.objectives.guidance import guided
from training.objectives.prediction import predict


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteSettings:
    """The way from noise to picture in `num_intervals` equal steps of t; `huber` is where the
    distance turns from square to linear (the root mean square of a frame's latents is 1);
    `guidance` the strength of the teacher's."""

    num_intervals: int = 16
    guidance: float = 1.0
    huber: float = 0.03


class DiscreteConsistency:
    """The student's own answer one interval nearer to the picture is the target; it stands still
    (stop-gradient), as later work found better than a moving average (arXiv 2310.14189)."""

    def __init__(
        self, student: Student, teacher: NFDTransformer, settings: DiscreteSettings
    ) -> None:
        self._student = student
        self._teacher = teacher
        self._settings = settings

    def __call__(self, clips: NoisyClips, step: int) -> Outcome:
        interval = 0.5 * math.pi / self._settings.num_intervals
        clips = clips.at((clips.t_BF / interval).ceil() * interval)
        noisy, t_BF, actions = clips.noisy_BFChw, clips.t_BF, clips.actions_BFA
        nearer_t_BF = torch.where(clips.moves_BF, (t_BF - interval).clamp(min=0.0), t_BF)
        student = self._student.transformer
        with torch.no_grad():
            velocity = guided(self._teacher, noisy, t_BF, actions, self._settings.guidance)
            nearer = rotate(noisy, velocity, t_BF, nearer_t_BF)
            target = estimate_clean(
                nearer, predict(student, nearer, nearer_t_BF, actions), nearer_t_BF
            )
        direction = predict(student, noisy, t_BF, actions)
        error = estimate_clean(noisy, direction, t_BF) - target
        loss = pseudo_huber(error, self._settings.huber)[clips.moves_BF].mean()
        return Outcome(losses={"loss": loss}, clips=clips, direction_BFChw=direction)


def pseudo_huber(error_BFChw: Tensor, scale: float) -> Tensor:
    """(B, F): the root mean square of each frame's error, squared where it is small."""
    return (error_BFChw.square().mean(dim=(2, 3, 4)) + scale**2).sqrt() - scale
