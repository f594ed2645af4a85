"""Thrift changes what a step costs, never what it computes; and the 310M teacher can be trained."""

import copy
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from model import presets
from model.nfd.transformer import NFDTransformer
from tests.training import tiny
from training.data.latents import ClipSource, LatentRecording
from training.loop.activation_checkpointing import checkpoint_blocks, compile_blocks
from training.loop.optimizers import nfd_optimizers
from training.loop.trainer import Budget, Trainer
from training.objectives.flow_matching import FlowMatching
from training.objectives.prediction import predict
from training.recipes.settings.noise import NoiseMixture


def _gradients(transformer: NFDTransformer) -> list[Tensor]:
    clips = tiny.clips().draw(torch.Generator().manual_seed(0))
    t_BF = torch.full((4, tiny.CONFIG.window), 0.7)
    direction = predict(transformer, clips.latents_BFChw, t_BF, clips.actions_BFA)
    return list(torch.autograd.grad(direction.square().sum(), list(transformer.parameters())))


def test_checkpointed_blocks_give_the_same_gradients_and_the_same_state() -> None:
    plain = tiny.transformer()
    thrifty = copy.deepcopy(plain)
    checkpoint_blocks(thrifty)
    for mine, theirs in zip(_gradients(thrifty), _gradients(plain), strict=True):
        assert torch.equal(mine, theirs)
    assert thrifty.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # torch, while it traces
def test_one_compiled_block_serves_all_layers_and_steps() -> None:
    plain = tiny.transformer()
    compiled = copy.deepcopy(plain)
    graphs: list[torch.fx.GraphModule] = []

    def as_written(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    compile_blocks(compiled, as_written)
    checkpoint_blocks(compiled)
    for _ in range(2):
        for mine, theirs in zip(_gradients(compiled), _gradients(plain), strict=True):
            assert torch.equal(mine, theirs)
    assert len(graphs) == 1


@pytest.mark.large
@pytest.mark.timeout(1200)
def test_the_310m_teacher_takes_a_real_step_at_384x224_in_8_gib(tmp_path: Path) -> None:
    """Two frames of 336 tokens: embedding to optimizer, with the code that trains every world."""
    config = presets.nfd_310m().nfd
    before_gib = _peak_gib()
    transformer = NFDTransformer(config)
    assert 300e6 < sum(parameter.numel() for parameter in transformer.parameters()) < 420e6
    optimizers = nfd_optimizers(transformer, muon_lr=1e-3, adamw_lr=1e-4)
    trainer = Trainer(tmp_path, "teacher", transformer, optimizers, ema_decay=0.999)
    checkpoint_blocks(transformer)
    film = LatentRecording(
        latents_NChw=torch.randn(3, 16, 14, 24).half(),
        actions_NA=torch.rand(3, config.action_size).round(),
        cuts_N=torch.zeros(3, dtype=torch.bool),
    )
    clips = ClipSource([film], 2, 1, torch.device("cpu"))
    weights = [transformer.head.weight.detach().clone(), transformer.embed.weight.detach().clone()]
    trainer.train(FlowMatching(transformer, clips, NoiseMixture()), Budget(steps=1))
    assert trainer.step == 1
    assert not torch.equal(transformer.head.weight, weights[0])
    assert torch.isfinite(transformer.modulation.weight).all()
    assert _peak_gib() - before_gib < 8


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
