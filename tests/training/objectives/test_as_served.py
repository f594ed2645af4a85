"""Frames trained as they are served: against one ordinary pass for each frame, which is slow and
obvious."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.action_space import ActionSpace, Key
from model.nfd.transformer import NFDTransformer
from tests.training.tiny import CONFIG, clips, transformer
from training.data.latents import ClipSource, LatentRecording, PressFocus
from training.loop.optimizers import nfd_optimizers
from training.objectives.as_served import AsServed, ServedPast
from training.objectives.noise import FrameTimes
from training.objectives.prediction import predict
from training.recipes.recipe import AsServedRecipe
from training.recipes.settings.noise import NoiseMixture

SPACE = ActionSpace(buttons=("go", "do"), keys=(Key(button="go", label="go", code="KeyW", pad=0),))
TIMES = FrameTimes(
    NoiseMixture(context_max=0.0)
)  # of the past: then a context holds the clean frames
FRAMES = CONFIG.window + 3


def _generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _reference(
    network: NFDTransformer,
    clean_BFChw: Tensor,
    told_BFA: Tensor,
    noisy_BDChw: Tensor,
    t_BD: Tensor,
) -> Tensor:
    """One ordinary pass over the clean frames before each drawn one, and the drawn one."""
    num_frames, num_drawn = clean_BFChw.shape[1], t_BD.shape[1]
    directions = []
    for drawn in range(num_drawn):
        frame = num_frames - num_drawn + drawn
        x_BFChw = torch.cat((clean_BFChw[:, :frame], noisy_BDChw[:, drawn, None]), dim=1)
        t_BF = torch.cat((torch.zeros(len(t_BD), frame), t_BD[:, drawn, None]), dim=1)
        directions.append(predict(network, x_BFChw, t_BF, told_BFA[:, : frame + 1])[:, -1])
    return torch.stack(directions, dim=1)


def _material(num_drawn: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = _generator()
    shape = (2, FRAMES, 3, 2, 2)
    clean, noisy = torch.randn(2, *shape, generator=generator)
    told = torch.randn(2, FRAMES, 2, generator=generator)
    t_BD = torch.rand(2, num_drawn, generator=generator) * 1.5
    return clean, told, noisy[:, -num_drawn:], t_BD


@pytest.mark.parametrize("num_drawn", [1, 3, FRAMES - 1])
def test_all_frames_at_once_are_what_each_is_alone(num_drawn: int) -> None:
    network = transformer()
    clean, told, noisy, t_BD = _material(num_drawn)
    found = ServedPast(network, clean, told, TIMES, _generator()).directions(noisy, t_BD)
    wanted = _reference(network, clean, told, noisy, t_BD)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    weights = torch.linspace(-1, 1, found.numel()).view(found.shape)
    for gradient, other in zip(
        torch.autograd.grad((found * weights).sum(), list(network.parameters())),
        torch.autograd.grad((wanted * weights).sum(), list(network.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(gradient, other, atol=1e-4, rtol=1e-3)


def test_in_bf16_they_are_near_to_fp32() -> None:
    network = transformer()
    clean, told, noisy, t_BD = _material(4)
    with torch.autocast("cpu", torch.bfloat16):
        found = ServedPast(network, clean, told, TIMES, _generator()).directions(noisy, t_BD)
    wanted = _reference(network, clean, told, noisy, t_BD)
    assert (found - wanted).norm() < 0.03 * wanted.norm()


def _objective(settings: AsServedRecipe, source: ClipSource, network: NFDTransformer) -> AsServed:
    return AsServed(network, source, NoiseMixture(pure_share=0.5), settings, SPACE)


def test_it_learns_a_world_of_one_frame() -> None:
    one = torch.randn(1, 3, 2, 2, generator=_generator())
    film = LatentRecording(
        latents_NChw=one.repeat(32, 1, 1, 1).half(),
        actions_NA=torch.zeros(32, 2),
        cuts_N=torch.zeros(32, dtype=torch.bool),
    )
    torch.manual_seed(0)
    network = NFDTransformer(CONFIG)
    optimizers = nfd_optimizers(network, muon_lr=3e-3, adamw_lr=3e-3)
    source = ClipSource([film], FRAMES, 4, torch.device("cpu"))
    objective = _objective(AsServedRecipe(num_past=2), source, network)
    losses = []
    for step in range(60):
        loss = objective(_generator(step), step)["loss"]
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_the_networks_own_frames_are_shown_in_some_steps_and_are_no_lesson() -> None:
    network = transformer()
    always = AsServedRecipe(num_past=1, own_every=1, own_share=1.0)
    never = AsServedRecipe(num_past=1, own_every=0)
    sometimes = AsServedRecipe(num_past=1, own_every=3, own_share=1.0)
    loss = {
        name: [
            _objective(settings, clips(), network)(_generator(), step)["loss"].item()
            for step in range(3)
        ]
        for name, settings in {"always": always, "never": never, "sometimes": sometimes}.items()
    }
    assert [a == b for a, b in zip(loss["sometimes"], loss["never"], strict=True)] == [
        True, False, True,
    ]  # fmt: skip
    assert loss["always"][1] == loss["sometimes"][1]
    own = _objective(always, clips(), network)
    clean = torch.randn(2, FRAMES, 3, 2, 2, generator=_generator())
    shown = own._with_own(clean, torch.zeros(2, FRAMES, 2), _generator())
    assert torch.equal(shown[:, :1], clean[:, :1])
    assert not torch.isclose(shown[:, 1:], clean[:, 1:]).flatten(2).all(dim=2).any()


def test_frames_after_a_press_weigh_more() -> None:
    told = torch.zeros(1, 4, 2)
    told[0, 2:, 1] = 1.0
    settings = AsServedRecipe(num_past=1, press_weight=4.0)
    weights = _objective(settings, clips(), transformer())._weights(told)
    assert weights.tolist() == [[1.0, 4.0, 1.0]]


def test_clips_hold_presses_of_each_button_as_often_as_asked() -> None:
    actions = torch.zeros(400, 2)
    actions[50:60, 0] = 1.0  # one long press
    for at in range(100, 400, 30):
        actions[at, 1] = 1.0
    film = LatentRecording(
        latents_NChw=torch.arange(400.0).view(-1, 1, 1, 1).half(),
        actions_NA=actions,
        cuts_N=torch.zeros(400, dtype=torch.bool),
    )
    focus = PressFocus(share=1.0, first_frame=2, odds=(1.0, 1.0), tells_presses=False)
    source = ClipSource([film], 5, 256, torch.device("cpu"), focus=focus)
    batch = source.draw(_generator())
    fresh = (batch.actions_BFA[:, 1:] > 0.5) & (batch.actions_BFA[:, :-1] <= 0.5)
    is_pressed_B2 = fresh[:, 1:].any(dim=1)  # in the frames from the second on
    assert is_pressed_B2.any(dim=1).all()
    assert is_pressed_B2[:, 0].float().mean() == pytest.approx(0.5, abs=0.1)
    again = source.draw(_generator())
    assert torch.equal(again.latents_BFChw, batch.latents_BFChw)
    often = replace(focus, odds=(3.0, 1.0))
    batch = ClipSource([film], 5, 256, torch.device("cpu"), focus=often).draw(_generator())
    fresh = (batch.actions_BFA[:, 1:] > 0.5) & (batch.actions_BFA[:, :-1] <= 0.5)
    assert fresh[:, 1:, 0].any(dim=1).float().mean() == pytest.approx(0.75, abs=0.1)
