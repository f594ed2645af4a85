"""Few-step student by continuous-time consistency distillation (sCM, arXiv 2410.11081), with an
independent time per frame as in NFD+.

The consistency map f(x, t) = cos t x - sin t F(x, t) must not change along the teacher's path, so
its total time derivative is driven to zero. With r warming up from 0 to 1 the tangent is

    g = -cos^2 t (F - dx/dt) - r (cos t sin t x + J),   J = JVP of F along cos t sin t (dx/dt, 1)

and is normalised by its size, one size per frame, so that a hard frame does not shrink the others.
Only frames drawn as noisy are trained and moved along their paths; the context stays where it is.

Shape letters: B clips, F frames, C h w latent channels, rows, columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.attention.backend import MathAttention
from model.nfd.transformer import NFDTransformer, Previous
from model.sampling.trigflow import diffuse
from training.data.latents import ClipSource
from training.objectives.flow_matching import predict
from training.objectives.noise import NoiseMixture
from training.trainer import Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencySettings:
    """`warmup_steps` is H of the tangent's warm-up; `size_floor` is c in g / (|g| + c)."""

    warmup_steps: int
    size_floor: float = 0.1


class AdaptiveWeight(nn.Module):
    """w(t), a learned log-weight that evens out how hard the times are (kept out of the world)."""

    def __init__(self) -> None:
        super().__init__()
        head = nn.Linear(32, 1)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        self.layers = nn.Sequential(nn.Linear(1, 32), nn.SiLU(), head)

    def forward(self, t_BF: Tensor) -> Tensor:
        weight: Tensor = self.layers(t_BF[..., None]).squeeze(-1)
        return weight


class Student(nn.Module):
    """What the trainer optimises: the network and its loss weight."""

    def __init__(self, transformer: NFDTransformer) -> None:
        super().__init__()
        self.transformer = transformer
        self.weight = AdaptiveWeight()


class Consistency:
    """The student's objective. `teacher` is frozen; the student starts as a copy of it."""

    def __init__(
        self,
        student: Student,
        teacher: NFDTransformer,
        clips: ClipSource,
        mixture: NoiseMixture,
        settings: ConsistencySettings,
    ) -> None:
        self._student = student
        self._teacher = teacher.eval().requires_grad_(False)
        self._clips = clips
        self._mixture = mixture
        self._settings = settings

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        clips = self._clips.draw(generator)
        clean, actions = clips.latents_BFChw, clips.actions_BFA
        t_BF = self._mixture.draw((clean.shape[0], clean.shape[1]), generator)
        moves_BF = t_BF > self._mixture.context_max_t
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        noisy = diffuse(clean, noise, t_BF)
        with torch.no_grad():
            velocity = predict(self._teacher, noisy, t_BF, actions)
        direction, jvp = self._direction_and_jvp(noisy, t_BF, actions, velocity, moves_BF)
        warmup = min(1.0, step / self._settings.warmup_steps)
        tangent = scm_tangent(noisy, t_BF, direction.detach(), velocity, jvp.detach(), warmup)
        tangent = normalise(tangent, self._settings.size_floor)
        error_BF = (direction - direction.detach() - tangent).square().mean(dim=(2, 3, 4))
        weight_BF = self._student.weight(t_BF)
        loss_BF = weight_BF.exp() * error_BF - weight_BF
        return {"loss": loss_BF[moves_BF].mean(), "tangent": error_BF[moves_BF].mean()}

    def _direction_and_jvp(
        self, noisy: Tensor, t_BF: Tensor, actions: Tensor, velocity: Tensor, moves_BF: Tensor
    ) -> tuple[Tensor, Tensor]:
        """F with its graph, and its derivative along the path of the frames that move."""
        speed_BF = t_BF.cos() * t_BF.sin() * moves_BF
        transformer = self._student.transformer
        config = transformer.config
        num_frames = noisy.shape[1]
        attend = MathAttention(num_frames, config.tokens_per_frame, config.window, noisy)
        positions = torch.arange(num_frames, device=noisy.device)[None]

        def network(x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = transformer(x, t, actions, positions, Previous.absent(x), attend)
            return out

        tangents = (speed_BF[:, :, None, None, None] * velocity, speed_BF)
        pair = torch.func.jvp(network, (noisy, t_BF), tangents)
        return pair[0], pair[1]


def scm_tangent(
    noisy: Tensor, t_BF: Tensor, direction: Tensor, velocity: Tensor, jvp: Tensor, warmup: float
) -> Tensor:
    """g, multiplied through by cos t so that it stays finite at pure noise."""
    t = t_BF[:, :, None, None, None]
    return -t.cos().square() * (direction - velocity) - warmup * (
        t.cos() * t.sin() * noisy + jvp
    )  # fmt: skip


def normalise(tangent: Tensor, floor: float) -> Tensor:
    """g / (|g| + c) with the root mean square of each frame as its size."""
    size = tangent.square().mean(dim=(2, 3, 4), keepdim=True).sqrt()
    return tangent / (size + floor)
