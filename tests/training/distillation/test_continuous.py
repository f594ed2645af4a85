"""sCM against closed forms and differences."""

import math

import pytest
import torch
from torch import Tensor

from model.sampling.trigflow import diffuse
from tests.training.tiny import transformer
from training.distillation.clips import NoisyClips
from training.distillation.continuous import direction_and_jvp, normalise, scm_tangent
from training.objectives.flow_matching import direction_target
from training.objectives.prediction import predict


@pytest.mark.parametrize(
    "times", [(0.1, 0.9, 0.1, 1.2), (0.05, 0.2, 1.5, math.pi / 2), (0.6, 0.7, 0.8, 0.9)]
)
def test_the_jvp_is_the_derivative_along_the_path_of_the_frames_that_move(
    times: tuple[float, ...],
) -> None:
    network = transformer().double()
    t_BF = torch.tensor([times], dtype=torch.float64)
    moves_BF = t_BF > 0.5
    noisy, velocity = torch.randn(2, 1, 4, 3, 2, 2, dtype=torch.float64)
    actions = torch.randn(1, 4, 2, dtype=torch.float64)
    clips = NoisyClips(
        clean_BFChw=noisy / t_BF.cos()[:, :, None, None, None], noise_BFChw=noisy * 0, t_BF=t_BF,
        moves_BF=moves_BF, actions_BFA=actions,
    )  # fmt: skip
    _, jvp = direction_and_jvp(network, clips, velocity)
    speed_BF = t_BF.cos() * t_BF.sin() * moves_BF

    def central(step: float) -> Tensor:
        sides = []
        for distance in (step, -step):
            moved = clips.noisy_BFChw + distance * speed_BF[:, :, None, None, None] * velocity
            sides.append(predict(network, moved, t_BF + distance * speed_BF, actions))
        return (sides[0] - sides[1]) / (2 * step)

    # The time embedding is fp32 by design, which forbids small steps; two large ones cancel most
    # of their error (Richardson).
    difference = (4 * central(2e-3) - central(4e-3)) / 3
    assert torch.allclose(jvp, difference, atol=3e-3, rtol=3e-3)
    assert jvp[:, moves_BF[0] & (t_BF[0] < 1.55)].abs().amax(dim=(0, 2, 3, 4)).min() > 0.01


def test_the_time_embedding_is_fp32_whatever_autocast_says() -> None:
    embedding = transformer().conditioning.time
    t_BF = torch.linspace(0.0, 1.5, 8)[None]
    with torch.autocast("cpu", torch.bfloat16):
        within = embedding(t_BF)
    assert within.dtype == torch.float32
    assert torch.equal(within, embedding(t_BF))


def test_the_tangent_vanishes_where_the_consistency_map_is_already_constant() -> None:
    """One clean frame x0 only: F(x_t, t) = (cos t x_t - x0) / sin t maps every x_t to x0."""
    clean, noise = torch.randn(1, 2, 3, 2, 2), torch.randn(1, 2, 3, 2, 2)
    t_BF = torch.tensor([[0.5, 1.2]])
    t = t_BF[:, :, None, None, None]
    noisy = diffuse(clean, noise, t_BF)
    velocity = direction_target(clean, noise, t_BF)
    direction = (t.cos() * noisy - clean) / t.sin()
    # dF = (cos t dx - sin t x) / sin t - cos t (cos t x - x0) / sin^2 t, along cos t sin t
    jvp = t.cos() * (t.cos() * velocity - t.sin() * noisy) - t.cos() ** 2 * direction
    tangent = scm_tangent(noisy, t_BF, direction, velocity, jvp, warmup=1.0)
    assert tangent.abs().max() < 1e-5


def test_a_hard_frame_does_not_shrink_the_tangent_of_another() -> None:
    tangent = torch.ones(1, 2, 3, 2, 2)
    tangent[:, 1] *= 1000
    normalised = normalise(tangent, 0.1)
    assert normalised[:, 0].mean().item() == pytest.approx(1 / 1.1)
    assert normalised[:, 1].mean().item() == pytest.approx(1.0, abs=1e-3)
