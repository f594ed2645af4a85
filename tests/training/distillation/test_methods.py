"""Every way of distilling brings one jump of the student nearer to the teacher's whole path."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from model.nfd.transformer import NFDTransformer
from model.sampling.trigflow import estimate_clean, rotate
from tests.training.tiny import CONFIG, clips, transformer
from training.data.latents import ClipSource, LatentRecording
from training.distillation.adversary import Adversary, AdversarySettings
from training.distillation.clips import NoisyClips
from training.distillation.continuous import ContinuousConsistency, ContinuousSettings
from training.distillation.discrete import DiscreteConsistency, DiscreteSettings, pseudo_huber
from training.distillation.student import Distillation, Method, Student
from training.loop.optimizers import nfd_optimizers
from training.objectives.flow_matching import FlowMatching
from training.objectives.objective import Objective
from training.objectives.prediction import predict
from training.recipes.settings.noise import NoiseMixture

MIXTURE = NoiseMixture(pure_share=0.0)
Make = Callable[[Student, NFDTransformer], Method]


def _continuous(student: Student, teacher: NFDTransformer) -> Method:
    return ContinuousConsistency(student, teacher, ContinuousSettings(warmup_steps=20))


def _discrete(student: Student, teacher: NFDTransformer) -> Method:
    return DiscreteConsistency(student, teacher, DiscreteSettings(num_intervals=8))


def _two_frames() -> ClipSource:
    signs = torch.randint(0, 2, (64, 1, 1, 1), generator=torch.Generator().manual_seed(1)) * 2 - 1
    film = LatentRecording(
        latents_NChw=signs.expand(64, 3, 2, 2).half(), actions_NA=torch.zeros(64, 2),
        cuts_N=torch.zeros(64, dtype=torch.bool),
    )  # fmt: skip
    return ClipSource([film], CONFIG.window, 16, torch.device("cpu"))


def _taught(source: ClipSource) -> NFDTransformer:
    torch.manual_seed(0)
    teacher = NFDTransformer(CONFIG)
    optimizers = nfd_optimizers(teacher, muon_lr=5e-3, adamw_lr=5e-3)
    _descend(FlowMatching(teacher, source, NoiseMixture()), optimizers, 80)
    return teacher.eval().requires_grad_(False)


def _descend(objective: Objective, optimizers: list[Optimizer], num_steps: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for step in range(num_steps):
        objective(generator, step)["loss"].backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()


def _last_frame_moves(batch: NoisyClips) -> NoisyClips:
    t_BF = torch.full_like(batch.t_BF, 0.1)
    t_BF[:, -1] = torch.linspace(0.4, 1.56, len(t_BF))
    return replace(batch, t_BF=t_BF, moves_BF=t_BF > 0.2)


def _path_end(teacher: NFDTransformer, batch: NoisyClips, num_steps: int = 32) -> Tensor:
    """Where the frames that move arrive when the teacher's path is followed closely."""
    x, times = batch.noisy_BFChw, batch.t_BF
    for step in range(num_steps):
        now = batch.at(times * (1 - step / num_steps)).t_BF
        following = batch.at(times * (1 - (step + 1) / num_steps)).t_BF
        x = rotate(x, predict(teacher, x, now, batch.actions_BFA), now, following)
    return x


@torch.no_grad()
def _miss(network: NFDTransformer, batch: NoisyClips, end: Tensor) -> float:
    direction = predict(network, batch.noisy_BFChw, batch.t_BF, batch.actions_BFA)
    jump = estimate_clean(batch.noisy_BFChw, direction, batch.t_BF)
    return (jump - end)[batch.moves_BF].square().mean().item()


@pytest.mark.parametrize("make", [_continuous, _discrete])
def test_one_jump_comes_nearer_to_the_whole_path(make: Make) -> None:
    """In a world of two frames."""
    source = _two_frames()
    teacher = _taught(source)
    student = Student(copy.deepcopy(teacher).requires_grad_(True))
    objective = Distillation(make(student, teacher), source, MIXTURE)
    batch = _last_frame_moves(NoisyClips.draw(source, MIXTURE, torch.Generator().manual_seed(5)))
    end = _path_end(teacher, batch)
    before = _miss(student.transformer, batch, end)
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-4)
    _descend(objective, [optimizer], 100)
    assert _miss(student.transformer, batch, end) < 0.75 * before


@pytest.mark.parametrize("make", [_continuous, _discrete])
def test_distillation_starts_from_the_teacher_and_moves_only_the_student(make: Make) -> None:
    teacher = transformer().eval().requires_grad_(False)
    before = copy.deepcopy(teacher.state_dict())
    student = Student(copy.deepcopy(teacher).requires_grad_(True))
    adversary = Adversary(student.critic, teacher, AdversarySettings(strength=0.5))
    objective = Distillation(make(student, teacher), clips(), MIXTURE, adversary)
    loss = objective(torch.Generator().manual_seed(0), 5)["loss"]
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad.abs().sum().item() for p in student.parameters() if p.grad is not None]
    assert math.isfinite(loss.item()) and max(gradients) > 0
    assert all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


def test_the_context_stays_where_it_is() -> None:
    batch = NoisyClips.draw(clips(), MIXTURE, torch.Generator().manual_seed(0))
    moved = batch.at(torch.full_like(batch.t_BF, 1.0))
    is_context = ~batch.moves_BF
    assert is_context.any() and batch.moves_BF.any()
    assert torch.equal(moved.noisy_BFChw[is_context], batch.noisy_BFChw[is_context])
    assert (moved.t_BF[batch.moves_BF] == 1.0).all()


def test_the_distance_is_square_near_nothing_and_linear_far_away() -> None:
    error = torch.ones(1, 3, 2, 2, 2) * torch.tensor([0.0, 1e-4, 10.0])[None, :, None, None, None]
    none, near, far = pseudo_huber(error, 0.03)[0].tolist()
    assert none == 0
    assert near == pytest.approx(1e-8 / 0.06, rel=0.1)
    assert far == pytest.approx(10 - 0.03, rel=1e-3)
