"""The patch critic pulls as hard as the picture loss does, and not before it knows anything."""

import pytest
import torch
from torch import Tensor, nn

from training.objectives.hinge import generator_loss
from training.tokenizer.losses.critic import PatchAdversary, PatchCritic, last_kernel


def _decoder() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 3, 3, padding=1))


def _play(step: int) -> tuple[nn.Sequential, PatchCritic, dict[str, Tensor]]:
    decoder, critic = _decoder(), PatchCritic()
    pixels = torch.rand(2, 3, 32, 32)
    rebuilt = decoder(torch.randn(2, 4, 32, 32))
    adversary = PatchAdversary(critic, last_kernel(decoder), strength=0.5)
    return (
        decoder,
        critic,
        adversary(rebuilt, pixels, {"loss": (rebuilt - pixels).abs().mean()}, step),
    )


def test_every_patch_gets_a_verdict_of_its_own() -> None:
    assert PatchCritic()(torch.rand(2, 3, 80, 128)).shape == (2, 1, 10, 16)


def test_both_sides_move_the_last_layer_equally_far() -> None:
    decoder, critic = _decoder(), PatchCritic()
    kernel = last_kernel(decoder)
    rebuilt = decoder(torch.randn(2, 4, 32, 32))
    picture, adversarial = rebuilt.abs().mean(), generator_loss(critic(rebuilt))
    balance = PatchAdversary(critic, kernel, strength=1.0).balance(picture, adversarial)
    ours, theirs = (
        torch.autograd.grad(loss, kernel, retain_graph=True)[0].norm()
        for loss in (picture, balance * adversarial)
    )
    assert ours.item() == pytest.approx(theirs.item(), rel=0.01)


def test_nobody_listens_to_a_critic_that_knows_nothing_yet() -> None:
    assert _play(step=0)[2]["pull"] == 0
    assert _play(step=1000)[2]["pull"] > 0


def test_one_backward_pass_moves_both_players() -> None:
    decoder, critic, losses = _play(step=1000)
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    for player in (decoder, critic):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in player.parameters())
