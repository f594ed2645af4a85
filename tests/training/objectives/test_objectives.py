"""The objectives against what is known in closed form."""

import math

import pytest
import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from model.sampling.trigflow import diffuse, estimate_clean
from tests.training.tiny import CONFIG, SAMPLER
from training.data.latents import ClipSource, LatentRecording
from training.loop.optimizers import nfd_optimizers
from training.objectives.flow_matching import FlowMatching, direction_target
from training.objectives.history import History
from training.objectives.noise import FrameTimes
from training.recipes.settings.history import TRUTH, HistorySettings
from training.recipes.settings.noise import NoiseMixture


def test_a_perfect_direction_gives_the_clean_frame_back_at_every_noise_level() -> None:
    clean, noise = torch.randn(2, 3, 3, 2, 2), torch.randn(2, 3, 3, 2, 2)
    t_BF = torch.tensor([[0.0, 0.4, 1.0], [1.3, 1.5, math.pi / 2]])
    target = direction_target(clean, noise, t_BF)
    assert torch.allclose(
        estimate_clean(diffuse(clean, noise, t_BF), target, t_BF), clean, atol=1e-5
    )


def test_noise_levels_are_drawn_for_each_frame_by_itself() -> None:
    mixture = NoiseMixture(context_share=0.6, pure_share=0.2)
    t_BF = FrameTimes(mixture).draw((4000, 4), torch.Generator().manual_seed(0))
    assert t_BF.min() >= 0 and t_BF.max() <= math.pi / 2
    is_context = t_BF <= mixture.context_max_t
    # Levels above the context's share of s come from the other part only.
    assert 0.6 <= is_context.float().mean() < 0.65
    assert (t_BF > 1.57).float().mean() == pytest.approx(0.4 * 0.2, abs=0.02)
    together = (is_context[:, 0] & is_context[:, 1]).float().mean()
    assert together == pytest.approx(is_context.float().mean().item() ** 2, abs=0.02)


@pytest.mark.parametrize(
    "settings",
    [
        TRUTH,
        HistorySettings(chain_share=0.5),
        HistorySettings(dropout=0.5),
        HistorySettings(rollout_share=0.25, rollout_frames=3),
    ],
)
def test_flow_matching_learns_a_world_of_one_frame(settings: HistorySettings) -> None:
    latents = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(2)).repeat(
        32, 1, 1, 1
    )
    film = LatentRecording(
        latents_NChw=latents.half(),
        actions_NA=torch.zeros(32, 2),
        cuts_N=torch.zeros(32, dtype=torch.bool),
    )
    torch.manual_seed(0)
    transformer = NFDTransformer(CONFIG)
    optimizers = nfd_optimizers(transformer, muon_lr=3e-3, adamw_lr=3e-3)
    source = ClipSource([film], settings.num_lead + CONFIG.window, 16, torch.device("cpu"))
    history = History(transformer, NoiseMixture(), settings, SAMPLER)
    objective = FlowMatching(transformer, source, NoiseMixture(), history)
    generator = torch.Generator().manual_seed(0)
    first = objective(generator, 0)["pure_noise"].item()
    for _ in range(100):
        loss = objective(generator, 0)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert objective(generator, 0)["pure_noise"].item() < 0.2 * first


class _SaysNothing(NFDTransformer):
    """Predicts zeros, and keeps what it was shown."""

    def forward(self, x_BFChw: Tensor, t_BF: Tensor, *others: object) -> Tensor:
        self.shown_BFChw, self.t_BF = x_BFChw, t_BF
        return torch.zeros_like(x_BFChw)


def test_the_loss_is_the_error_of_the_implied_clean_frame() -> None:
    """sin^2 t (cos t z - sin t x0)^2 where nothing is predicted, with z read off what was shown."""
    x0 = 0.5
    film = LatentRecording(
        latents_NChw=torch.full((32, 3, 2, 2), x0).half(), actions_NA=torch.zeros(32, 2),
        cuts_N=torch.zeros(32, dtype=torch.bool),
    )  # fmt: skip
    network = _SaysNothing(CONFIG)
    source = ClipSource([film], CONFIG.window, 8, torch.device("cpu"))
    objective = FlowMatching(network, source, NoiseMixture(context_max=0.5))
    losses = objective(torch.Generator().manual_seed(0), 0)
    t = network.t_BF.double()[:, :, None, None, None]
    z = (network.shown_BFChw.double() - t.cos() * x0) / t.sin()
    unweighted = (t.cos() * z - t.sin() * x0).square()
    assert losses["loss"].item() == pytest.approx((t.sin() ** 2 * unweighted).mean().item(), 1e-3)
    pure = network.t_BF > 1.57
    assert pure.any()
    assert losses["pure_noise"].item() == pytest.approx(unweighted[pure].mean().item(), 1e-3)


def test_muon_gets_the_matrices_of_the_blocks_and_nothing_else() -> None:
    transformer = NFDTransformer(CONFIG)
    muon, adamw = nfd_optimizers(transformer, muon_lr=1e-3, adamw_lr=1e-3)
    assert len(muon.param_groups[0]["params"]) == 4 * CONFIG.num_layers
    counted = sum(len(opt.param_groups[0]["params"]) for opt in (muon, adamw))
    assert counted == len(list(transformer.parameters()))
