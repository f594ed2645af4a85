"""A teacher that is led away from what it would draw without knowing the action."""

import pytest
import torch

from tests.training.tiny import CONFIG, clips, transformer
from training.objectives.flow_matching import FlowMatching
from training.objectives.guidance import NO_ACTION, drop_actions, guided
from training.objectives.prediction import predict
from training.recipes.settings.noise import NoiseMixture


def test_action_dropout_takes_whole_clips_and_leaves_the_others() -> None:
    actions = torch.rand(2000, CONFIG.window, CONFIG.action_size)
    shown = drop_actions(actions, CONFIG.action_size, 0.1, torch.Generator().manual_seed(0))
    is_dropped_B = (shown == NO_ACTION).all(dim=(1, 2))
    assert is_dropped_B.float().mean().item() == pytest.approx(0.1, abs=0.03)
    assert torch.equal(shown[~is_dropped_B], actions[~is_dropped_B])


def test_action_dropout_keeps_the_state_of_the_player() -> None:
    told = torch.rand(3, CONFIG.window, CONFIG.action_size + 5)
    shown = drop_actions(told, CONFIG.action_size, 1.0, torch.Generator().manual_seed(0))
    assert (shown[..., : CONFIG.action_size] == NO_ACTION).all()
    assert torch.equal(shown[..., CONFIG.action_size :], told[..., CONFIG.action_size :])


def test_guidance_goes_on_past_the_teacher_in_a_straight_line() -> None:
    batch = clips().draw(torch.Generator().manual_seed(0))
    noisy, t_BF = batch.latents_BFChw, torch.full((4, CONFIG.window), 0.8)
    teacher = transformer().requires_grad_(False)
    told = predict(teacher, noisy, t_BF, batch.actions_BFA)
    without_actions = predict(teacher, noisy, t_BF, torch.full_like(batch.actions_BFA, NO_ACTION))
    assert not torch.allclose(told, without_actions)
    assert torch.equal(guided(teacher, noisy, t_BF, batch.actions_BFA, 1.0), told)
    torch.testing.assert_close(
        guided(teacher, noisy, t_BF, batch.actions_BFA, 2.5),
        without_actions + 2.5 * (told - without_actions),
    )


def test_a_teacher_that_is_told_nothing_does_not_depend_on_the_actions() -> None:
    def loss(action_dropout: float, actions_value: float) -> float:
        source = clips()
        for film in source._recordings:
            film.actions_NA.fill_(actions_value)
        objective = FlowMatching(
            transformer(), source, NoiseMixture(), action_dropout=action_dropout
        )
        return objective(torch.Generator().manual_seed(0), 0)["loss"].item()

    assert loss(1.0, 0.0) == loss(1.0, 1.0)
    assert loss(0.0, 0.0) != loss(0.0, 1.0)
