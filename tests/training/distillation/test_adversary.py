"""The game: who gets which gradients, and what a critic learns to tell apart."""

import pytest
import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from tests.training.tiny import CONFIG, clips, transformer
from training.data.latents import ClipSource
from training.distillation.adversary import (
    Adversary,
    AdversarySettings,
    CriticHeads,
    hidden_states,
)
from training.distillation.clips import NoisyClips
from training.objectives.hinge import critic_loss, generator_loss
from training.recipes.settings.noise import NoiseMixture

MIXTURE = NoiseMixture(pure_share=0.0)


def _parts() -> tuple[CriticHeads, NFDTransformer, Adversary]:
    teacher = transformer(spread=0.2).eval().requires_grad_(False)
    torch.manual_seed(1)
    critic = CriticHeads(CONFIG)
    return critic, teacher, Adversary(critic, teacher, AdversarySettings(strength=1.0))


def _draw(source: ClipSource, seed: int = 0) -> NoisyClips:
    return NoisyClips.draw(source, MIXTURE, torch.Generator().manual_seed(seed))


def test_the_margin_is_one_on_both_sides() -> None:
    assert critic_loss(torch.tensor([2.0]), torch.tensor([-1.5])) == 0
    assert critic_loss(torch.tensor([0.0]), torch.tensor([0.0])) == pytest.approx(1.0)
    assert generator_loss(torch.tensor([1.0, 3.0])) == -2


def test_the_student_is_moved_by_its_side_only_and_the_critic_by_the_other() -> None:
    critic, _, adversary = _parts()
    batch = _draw(clips())
    made = torch.randn_like(batch.clean_BFChw, requires_grad=True)
    losses = adversary(batch, batch, made, torch.Generator().manual_seed(0))
    losses["fooling"].backward(retain_graph=True)  # type: ignore[no-untyped-call]
    assert made.grad is not None and made.grad[batch.moves_BF].abs().sum() > 0
    assert made.grad[~batch.moves_BF].abs().sum() == 0
    assert all(p.grad is None for p in critic.parameters())
    made.grad = None
    losses["critic"].backward()  # type: ignore[no-untyped-call]
    assert made.grad is None
    assert all(p.grad is not None for p in critic.parameters())


def test_a_made_frame_is_shown_with_the_noise_of_the_real_one() -> None:
    _, teacher, adversary = _parts()
    batch = _draw(clips())
    shown: list[Tensor] = []
    teacher.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0]))
    adversary(batch, batch, batch.clean_BFChw, torch.Generator().manual_seed(0))
    assert len(shown) == 3 and all(torch.equal(noisy, shown[0]) for noisy in shown)
    adversary(batch, batch, batch.clean_BFChw + 1.0, torch.Generator().manual_seed(0))
    made, real = shown[3], shown[0]
    assert torch.equal(made[~batch.moves_BF], real[~batch.moves_BF])
    assert not torch.equal(made[batch.moves_BF], real[batch.moves_BF])


def test_hidden_states_are_those_of_the_blocks_and_leave_no_hook_behind() -> None:
    network = transformer()
    batch = _draw(clips())
    first, last = hidden_states(network, [0, 1], batch.noisy_BFChw, batch.t_BF, batch.actions_BFA)
    assert first.shape == last.shape == (4, 4, 4, CONFIG.width)
    assert not torch.equal(first, last)
    assert not any(block._forward_hooks for block in network.blocks)


def test_real_frames_under_the_action_of_another_clip_are_judged_too() -> None:
    _, teacher, adversary = _parts()
    batch = _draw(clips())
    asked: list[Tensor] = []
    teacher.register_forward_pre_hook(lambda module, inputs: asked.append(inputs[2]))
    adversary(batch, batch, batch.clean_BFChw, torch.Generator().manual_seed(0))
    others = [actions for actions in asked if not torch.equal(actions, batch.actions_BFA)]
    assert len(asked) == 3 and len(others) == 1
    moves = batch.moves_BF
    assert torch.equal(others[0][moves], batch.actions_BFA.roll(1, dims=0)[moves])
    assert torch.equal(others[0][~moves], batch.actions_BFA[~moves])


def test_the_critic_learns_to_tell_made_from_real() -> None:
    critic, _, adversary = _parts()
    optimizer = torch.optim.AdamW(critic.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    source = clips()
    seen: list[float] = []
    for step in range(30):
        batch = _draw(source, step)
        made = torch.full_like(batch.clean_BFChw, 3.0)
        losses = adversary(batch, batch, made, generator)
        losses["critic"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        seen.append(losses["fooling"].item())
    assert sum(seen[-5:]) > sum(seen[:5]) + 5 * 0.3
