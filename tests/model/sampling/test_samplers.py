"""Samplers move each row by its own times and keep no state."""

import math
from functools import partial

import pytest
import torch

from model.sampling.sampler import Sampler, make_sampler
from model.sampling.trigflow import diffuse

CLEAN = torch.linspace(-2, 2, 4 * 12).view(4, 3, 2, 2)
NOISE = torch.linspace(3, -1, 4 * 12).view(4, 3, 2, 2).sin()
FRESH = torch.linspace(0, 9, 4 * 12).view(4, 3, 2, 2).cos()


@pytest.fixture(params=["euler", "consistency"])
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return make_sampler(request.param)


def true_direction(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """What a perfect network answers: it knows the clean frame."""
    t = t.view(-1, 1, 1, 1)
    return (x * t.cos() - CLEAN) / t.sin()


@pytest.mark.parametrize("times", [(math.pi / 2,), (math.pi / 2, 0.8), (math.pi / 2, 1.2, 0.3)])
def test_a_perfect_network_leads_to_the_clean_frame(
    sampler: Sampler, times: tuple[float, ...]
) -> None:
    x = NOISE
    for t, next_t in zip(times, (*times[1:], 0.0), strict=True):
        t_B, next_t_B = torch.full((4,), t), torch.full((4,), next_t)
        x = sampler.advance(x, true_direction(x, t_B), t_B, next_t_B, lambda: FRESH)
    torch.testing.assert_close(x, CLEAN, atol=1e-5, rtol=1e-5)


def test_rows_at_different_denoise_steps_share_a_call(sampler: Sampler) -> None:
    t, next_t = torch.tensor([1.5, 0.8, 1.1, 0.3]), torch.tensor([0.8, 0.0, 0.3, 0.0])
    x = diffuse(CLEAN, NOISE, t)
    together = sampler.advance(x, NOISE, t, next_t, lambda: FRESH)
    for row in range(4):
        one = slice(row, row + 1)
        fresh = FRESH[one]
        alone = sampler.advance(
            x[one], NOISE[one], t[one], next_t[one], partial(torch.clone, fresh)
        )
        assert torch.equal(together[one], alone)


def test_euler_draws_no_noise() -> None:
    def refuse() -> torch.Tensor:
        raise AssertionError("the ODE is deterministic")

    t = torch.full((4,), 1.0)
    make_sampler("euler").advance(CLEAN, NOISE, t, t / 2, refuse)


def test_consistency_sampling_re_noises_with_fresh_noise() -> None:
    t, next_t = torch.full((4,), 1.0), torch.full((4,), 0.5)
    x = diffuse(CLEAN, NOISE, t)
    result = make_sampler("consistency").advance(x, true_direction(x, t), t, next_t, lambda: FRESH)
    torch.testing.assert_close(result, diffuse(CLEAN, FRESH, next_t), atol=1e-5, rtol=1e-5)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(ValueError, match="heun"):
        make_sampler("heun")


def test_euler_stays_on_the_path_between_noise_and_frame() -> None:
    t, next_t = torch.full((4,), 1.2), torch.full((4,), 0.7)
    x = diffuse(CLEAN, NOISE, t)
    result = make_sampler("euler").advance(x, true_direction(x, t), t, next_t, lambda: FRESH)
    torch.testing.assert_close(result, diffuse(CLEAN, NOISE, next_t), atol=1e-5, rtol=1e-5)
