"""The objectives against what is known in closed form."""

import copy
import math

import pytest
import torch
from torch import Tensor

from model.nfd.transformer import NFDConfig, NFDTransformer
from model.sampling.trigflow import diffuse, estimate_clean
from training.data.latents import ClipSource, LatentFilm
from training.objectives.consistency import (
    Consistency,
    ConsistencySettings,
    Student,
    normalise,
    scm_tangent,
)
from training.objectives.flow_matching import FlowMatching, direction_target, predict
from training.objectives.noise import NoiseMixture
from training.optimizers import nfd_optimizers

CONFIG = NFDConfig(
    latent_channels=3, grid_height=2, grid_width=2, width=32, num_layers=2, num_heads=2,
    action_size=2, window=4, concat_previous=True,
)  # fmt: skip


def _transformer() -> NFDTransformer:
    torch.manual_seed(0)
    transformer = NFDTransformer(CONFIG)
    for parameter in transformer.parameters():  # a fresh one predicts zeros
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    return transformer


def _clips(batch_size: int = 4) -> ClipSource:
    generator = torch.Generator().manual_seed(1)
    film = LatentFilm(
        latents_NChw=torch.randn(64, 3, 2, 2, generator=generator).half(),
        actions_NA=torch.randn(64, 2, generator=generator),
        cuts_N=torch.zeros(64, dtype=torch.bool),
    )
    return ClipSource([film], CONFIG.window, batch_size, torch.device("cpu"))


def test_a_perfect_direction_gives_the_clean_frame_back_at_every_noise_level() -> None:
    clean, noise = torch.randn(2, 3, 3, 2, 2), torch.randn(2, 3, 3, 2, 2)
    t_BF = torch.tensor([[0.0, 0.4, 1.0], [1.3, 1.5, math.pi / 2]])
    target = direction_target(clean, noise, t_BF)
    assert torch.allclose(
        estimate_clean(diffuse(clean, noise, t_BF), target, t_BF), clean, atol=1e-5
    )


def test_noise_levels_are_drawn_for_each_frame_by_itself() -> None:
    mixture = NoiseMixture(context_share=0.6, pure_share=0.2)
    t_BF = mixture.draw((4000, 4), torch.Generator().manual_seed(0))
    assert t_BF.min() >= 0 and t_BF.max() <= math.pi / 2
    is_context = t_BF <= mixture.context_max_t
    # Levels above the context's share of s come from the other part only.
    assert 0.6 <= is_context.float().mean() < 0.65
    assert (t_BF > 1.57).float().mean() == pytest.approx(0.4 * 0.2, abs=0.02)
    together = (is_context[:, 0] & is_context[:, 1]).float().mean()
    assert together == pytest.approx(is_context.float().mean().item() ** 2, abs=0.02)


def test_the_networks_own_guesses_are_shown_as_context_and_not_learned_from() -> None:
    all_context = NoiseMixture(context_share=1.0)
    chained = FlowMatching(_transformer(), _clips(), all_context, chain_share=1.0)
    assert chained(torch.Generator().manual_seed(0), 0)["loss"] == 0
    plain = FlowMatching(_transformer(), _clips(), all_context, chain_share=0.0)
    assert plain(torch.Generator().manual_seed(0), 0)["loss"] > 0


@pytest.mark.parametrize("chain_share", [0.0, 0.5])
def test_flow_matching_learns_a_world_of_one_frame(chain_share: float) -> None:
    latents = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(2)).repeat(
        32, 1, 1, 1
    )
    film = LatentFilm(
        latents_NChw=latents.half(),
        actions_NA=torch.zeros(32, 2),
        cuts_N=torch.zeros(32, dtype=torch.bool),
    )
    torch.manual_seed(0)
    transformer = NFDTransformer(CONFIG)
    optimizers = nfd_optimizers(transformer, muon_lr=3e-3, adamw_lr=3e-3)
    source = ClipSource([film], CONFIG.window, 16, torch.device("cpu"))
    objective = FlowMatching(transformer, source, NoiseMixture(), chain_share)
    generator = torch.Generator().manual_seed(0)
    first = objective(generator, 0)["pure_noise"].item()
    for _ in range(150):
        loss = objective(generator, 0)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert objective(generator, 0)["pure_noise"].item() < 0.2 * first


def test_muon_gets_the_matrices_of_the_blocks_and_nothing_else() -> None:
    transformer = NFDTransformer(CONFIG)
    muon, adamw = nfd_optimizers(transformer, muon_lr=1e-3, adamw_lr=1e-3)
    assert len(muon.param_groups[0]["params"]) == 4 * CONFIG.num_layers
    counted = sum(len(opt.param_groups[0]["params"]) for opt in (muon, adamw))
    assert counted == len(list(transformer.parameters()))


def test_the_jvp_is_the_derivative_along_the_path_of_the_frames_that_move() -> None:
    student = Student(_transformer()).double()
    objective = Consistency(
        student,
        _transformer().double(),
        _clips(),
        NoiseMixture(),
        ConsistencySettings(warmup_steps=1),
    )
    noisy = torch.randn(1, 4, 3, 2, 2, dtype=torch.float64)
    velocity = torch.randn_like(noisy)
    t_BF = torch.tensor([[0.1, 0.9, 0.1, 1.2]], dtype=torch.float64)
    moves_BF = t_BF > 0.5
    actions = torch.randn(1, 4, 2, dtype=torch.float64)
    _, jvp = objective._direction_and_jvp(noisy, t_BF, actions, velocity, moves_BF)
    step = 1e-4
    speed_BF = t_BF.cos() * t_BF.sin() * moves_BF

    def at(distance: float) -> Tensor:
        moved = noisy + distance * speed_BF[:, :, None, None, None] * velocity
        return predict(student.transformer, moved, t_BF + distance * speed_BF, actions)

    central = (at(step) - at(-step)) / (2 * step)
    # The time embedding is fp32 by design, which bounds what a difference can resolve.
    assert torch.allclose(jvp, central, atol=2e-2, rtol=2e-2)
    assert jvp[:, 1].abs().max() > 0.01


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


def test_distillation_starts_from_the_teacher_and_moves_only_the_student() -> None:
    teacher = _transformer()
    before = copy.deepcopy(teacher.state_dict())
    student = Student(copy.deepcopy(teacher))
    objective = Consistency(
        student,
        teacher,
        _clips(),
        NoiseMixture(pure_share=0.0),
        ConsistencySettings(warmup_steps=10),
    )
    loss = objective(torch.Generator().manual_seed(0), 5)["loss"]
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad.abs().sum().item() for p in student.parameters() if p.grad is not None]
    assert math.isfinite(loss.item()) and max(gradients) > 0
    assert all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())
