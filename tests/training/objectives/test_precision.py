"""The teacher's objective in bf16 is that of fp32, up to bf16's rounding."""

import pytest
import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from tests.training.tiny import CONFIG
from training.data.latents import ClipSource, LatentRecording
from training.device import autocast, autocast_convolutions
from training.objectives.flow_matching import FlowMatching
from training.objectives.history import History
from training.recipes.settings.history import HistorySettings
from training.recipes.settings.noise import NoiseMixture

CPU = torch.device("cpu")


def loss_and_gradient(history: HistorySettings) -> tuple[float, Tensor]:
    generator = torch.Generator().manual_seed(2)
    film = LatentRecording(
        latents_NChw=torch.randn(32, 3, 2, 2, generator=generator).half(),
        actions_NA=torch.zeros(32, 2),
        cuts_N=torch.zeros(32, dtype=torch.bool),
    )
    torch.manual_seed(0)
    transformer = NFDTransformer(CONFIG)
    for parameter in transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    mixture = NoiseMixture()
    objective = FlowMatching(
        transformer,
        ClipSource([film], 6, 16, CPU),
        mixture,
        History(transformer, mixture, history),
    )
    loss = objective(torch.Generator().manual_seed(1), 0)["loss"]
    gradients = torch.autograd.grad(loss, list(transformer.parameters()), allow_unused=True)
    return loss.item(), torch.cat([g.flatten() for g in gradients if g is not None])


@pytest.mark.parametrize("history", [HistorySettings(), HistorySettings(chain_share=0.5)])
def test_bf16_changes_loss_and_gradient_by_rounding_only(
    history: HistorySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact_loss, exact = loss_and_gradient(history)
    monkeypatch.setattr("training.device.multiplies_bf16", lambda: True)
    loss, gradient = loss_and_gradient(history)
    assert loss != exact_loss, "bf16 was not used"
    assert loss == pytest.approx(exact_loss, rel=0.02)
    assert torch.cosine_similarity(gradient, exact, dim=0) > 0.99
    assert gradient.norm() == pytest.approx(exact.norm().item(), rel=0.05)


@pytest.mark.parametrize("has_units", [False, True])
def test_a_cpu_takes_bf16_for_transformers_where_it_has_units_and_never_for_convolutions(
    has_units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.device.multiplies_bf16", lambda: has_units)
    with autocast(CPU):
        assert torch.is_autocast_enabled("cpu") is has_units
    with autocast_convolutions(CPU):
        assert not torch.is_autocast_enabled("cpu")
