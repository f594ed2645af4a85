"""Continuous-time consistency distillation (sCM, arXiv 2410.11081), with an independent time per
frame as in NFD+.

The consistency map f(x, t) = cos t x - sin t F(x, t) must be constant along the teacher's path, so
training drives its total time derivative to zero. With r warming up from 0 to 1 the tangent is

    g = -cos^2 t (F - dx/dt) - r (cos t sin t x + J),   J = JVP of F along cos t sin t (dx/dt, 1)

and is normalised by its size per frame, so a hard frame does not shrink the tangents of other
frames. Only noisy frames are trained and moved along their paths; context frames stay fixed.

Shape letters: B clips, F frames, C h w latent channels, rows, columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.attention.by_frame import FrameByFrameAttention, written_out
from model.nfd.transformer import NFDTransformer, Previous
from training.distillation.clips import NoisyClips
from training.distillation.student import Outcome, Student
from training.objectives.guidance import guided
from training.objectives.prediction import predict


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousSettings:
    """`warmup_steps`: H of the tangent's warm-up. `size_floor`: c in g / (|g| + c). `guidance`:
    scale of the teacher's guidance. `is_apart`: computes F and its derivative in two passes, which
    saves memory."""

    warmup_steps: int
    guidance: float = 1.0
    size_floor: float = 0.1
    is_apart: bool = False


class ContinuousConsistency:
    """sCM. `teacher` gives the slope of the path; the student starts as a copy of the teacher."""

    def __init__(
        self, student: Student, teacher: NFDTransformer, settings: ContinuousSettings
    ) -> None:
        self._student = student
        self._teacher = teacher
        self._settings = settings
        self._differentiate = direction_and_jvp_apart if settings.is_apart else direction_and_jvp

    def __call__(self, clips: NoisyClips, step: int) -> Outcome:
        t_BF, moves_BF = clips.t_BF, clips.moves_BF
        with torch.no_grad():
            velocity = guided(
                self._teacher, clips.noisy_BFChw, t_BF, clips.actions_BFA, self._settings.guidance
            )
        direction, jvp = self._differentiate(self._student.transformer, clips, velocity)
        warmup = min(1.0, step / self._settings.warmup_steps)
        tangent = scm_tangent(
            clips.noisy_BFChw, t_BF, direction.detach(), velocity, jvp.detach(), warmup
        )
        tangent = normalise(tangent, self._settings.size_floor)
        error_BF = (direction - direction.detach() - tangent).square().mean(dim=(2, 3, 4))
        weight_BF = self._student.weight(t_BF)
        loss_BF = weight_BF.exp() * error_BF - weight_BF
        losses = {"loss": loss_BF[moves_BF].mean(), "tangent": error_BF[moves_BF].mean()}
        return Outcome(losses=losses, clips=clips, direction_BFChw=direction)


def direction_and_jvp(
    transformer: NFDTransformer, clips: NoisyClips, velocity_BFChw: Tensor
) -> tuple[Tensor, Tensor]:
    """F with its graph, and the derivative of F along the path of the trained frames, in one pass.
    The fastest way; the graph holds every attention weight and the steps of the derivative."""
    noisy, t_BF = clips.noisy_BFChw, clips.t_BF
    speed_BF = t_BF.cos() * t_BF.sin() * clips.moves_BF
    config = transformer.config
    num_frames = noisy.shape[1]
    attend = FrameByFrameAttention(config.tokens_per_frame, config.window, written_out)
    positions = torch.arange(num_frames, device=noisy.device)[None]

    def network(x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = transformer(x, t, clips.actions_BFA, positions, Previous.absent(x), attend)
        return out

    tangents = (speed_BF[:, :, None, None, None] * velocity_BFChw, speed_BF)
    pair = torch.func.jvp(network, (noisy, t_BF), tangents)
    return pair[0], pair[1]


def direction_and_jvp_apart(
    transformer: NFDTransformer, clips: NoisyClips, velocity_BFChw: Tensor
) -> tuple[Tensor, Tensor]:
    """The same in two passes. The derivative leaves no graph, and F may use fused attention and
    checkpointed blocks, which cannot be recomputed inside a derivative."""
    with torch.no_grad():
        jvp = direction_and_jvp(transformer, clips, velocity_BFChw)[1]
    return predict(transformer, clips.noisy_BFChw, clips.t_BF, clips.actions_BFA), jvp


def scm_tangent(
    noisy: Tensor, t_BF: Tensor, direction: Tensor, velocity: Tensor, jvp: Tensor, warmup: float
) -> Tensor:
    """g, multiplied by cos t, which keeps g finite at pure noise."""
    t = t_BF[:, :, None, None, None]
    return -t.cos().square() * (direction - velocity) - warmup * (t.cos() * t.sin() * noisy + jvp)


def normalise(tangent: Tensor, floor: float) -> Tensor:
    """g / (|g| + c), where |g| is each frame's root mean square."""
    size = tangent.square().mean(dim=(2, 3, 4), keepdim=True).sqrt()
    return tangent / (size + floor)
