"""Training's own play is the play that is served: the same frames as drawing them the slow way."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from model.sampling.trigflow import diffuse, rotate
from tests.training.tiny import SAMPLER, clips, transformer
from training.loop.activation_checkpointing import compile_blocks
from training.objectives.prediction import predict
from training.objectives.rollout import Rollout


@torch.no_grad()
def _slowly(network: NFDTransformer, lead: Tensor, actions: Tensor, seed: int) -> Tensor:
    """Every pass computes all frames since the first, under the mask."""
    generator = torch.Generator().manual_seed(seed)
    frames = list(lead.unbind(1))
    past: list[Tensor] = []
    times: list[float] = []
    for frame in range(actions.shape[1]):
        if frame == len(frames):
            x = torch.randn(lead[:, 0].shape, generator=generator)
            for t, next_t in pairwise((*SAMPLER.times[2], 0.0)):
                t_BF = torch.tensor([[*times, t]]).repeat(len(lead), 1)
                noisy = torch.stack([*past, x], dim=1)
                direction = predict(network, noisy, t_BF, actions[:, : frame + 1])[:, -1]
                x = rotate(x, direction, torch.tensor([t]), torch.tensor([next_t]))
            frames.append(x)
        noise = torch.randn(lead[:, 0].shape, generator=generator)
        times.append(SAMPLER.context_t)
        past.append(diffuse(frames[frame], noise, torch.tensor([SAMPLER.context_t])))
    return torch.stack(frames, dim=1)


def test_it_draws_what_one_masked_pass_over_all_frames_would() -> None:
    """Long after the first frames have left the window."""
    network = transformer()
    batch = clips(batch_size=3, num_lead=8).draw(torch.Generator().manual_seed(3))
    lead, actions = batch.latents_BFChw[:, :2], batch.actions_BFA
    drawn = Rollout(network, SAMPLER, 2)(lead, actions, torch.Generator().manual_seed(4))
    assert drawn.shape == batch.latents_BFChw.shape
    assert torch.equal(drawn[:, :2], lead)
    assert torch.allclose(drawn, _slowly(network, lead, actions, seed=4), atol=1e-4)
    assert not drawn.requires_grad


def test_compiled_blocks_are_not_compiled_again_for_every_frame() -> None:
    network = transformer()
    graphs: list[object] = []

    def backend(graph: Callable[..., Any], inputs: object) -> Callable[..., Any]:
        graphs.append(graph)
        return graph

    compile_blocks(network, backend)
    batch = clips(batch_size=1).draw(torch.Generator().manual_seed(3))
    Rollout(network, SAMPLER, 2)(
        batch.latents_BFChw[:, :1], batch.actions_BFA, torch.Generator().manual_seed(4)
    )
    assert graphs == []
