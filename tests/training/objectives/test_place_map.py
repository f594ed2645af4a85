"""A place's map learns where one stands from poses alone, and the teacher that is built on it keeps
it as it is."""

from dataclasses import replace

import pytest
import torch

from model.nfd.transformer import NFDTransformer
from model.place.map import PlaceMap
from tests.model.place.conftest import PLACE
from tests.training.tiny import CONFIG
from training.data.latents import ClipSource, LatentRecording
from training.distillation.adversary import Adversary, AdversarySettings, CriticHeads
from training.loop.optimizers import map_optimizers, nfd_optimizers
from training.objectives.flow_matching import FlowMatching
from training.objectives.place_map import PlaceFit
from training.recipes.settings.noise import NoiseMixture

PLACED = replace(CONFIG, place=PLACE)


def film(num_frames: int = 400, *, with_poses: bool = True) -> LatentRecording:
    """Latents that say where they were seen from."""
    generator = torch.Generator().manual_seed(0)
    poses = torch.rand(num_frames, 3, generator=generator) * torch.tensor([200.0, 200.0, 360.0])
    poses[:, :2] -= 100.0
    seen = torch.stack(
        [poses[:, 0] / 60, torch.sin(torch.deg2rad(poses[:, 2])) * 1.4, poses[:, 1] / 60], dim=1
    )
    return LatentRecording(
        latents_NChw=seen[:, :, None, None].expand(-1, -1, 2, 2).half().contiguous(),
        actions_NA=torch.randn(num_frames, CONFIG.action_size, generator=generator),
        cuts_N=torch.zeros(num_frames, dtype=torch.bool),
        poses_N3=poses if with_poses else None,
    )


def test_a_map_learns_what_is_seen_from_where() -> None:
    torch.manual_seed(0)
    place = PlaceMap(PLACE, 3, 2, 2)
    optimizers = map_optimizers(place, muon_lr=5e-3, adamw_lr=3e-3)
    fit, generator = PlaceFit(place, [film()], 64), torch.Generator().manual_seed(1)
    first = fit(generator, 0)["loss"].item()
    for step in range(120):
        torch.autograd.backward(fit(generator, step)["loss"])
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert fit(generator, 120)["loss"].item() < 0.25 * first


def test_planes_go_faster_and_every_weight_has_one_optimizer() -> None:
    place = PlaceMap(PLACE, 3, 2, 2)
    muon, adamw = map_optimizers(place, muon_lr=5e-3, adamw_lr=3e-3)
    groups = [group for optimizer in (muon, adamw) for group in optimizer.param_groups]
    moved = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(moved) == sorted(id(parameter) for parameter in place.parameters())
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert rates[id(place.fine)] == rates[id(place.coarse)] == pytest.approx(3e-2)


def test_films_without_poses_cannot_tell_where_one_stands() -> None:
    old = film(with_poses=False)
    assert torch.equal(old.conditions(0), old.actions_NA)
    with pytest.raises(ValueError, match="no poses"):
        ClipSource([old], CONFIG.window, 2, torch.device("cpu"), state_size=PLACE.state_size)


def test_clips_are_told_where_the_player_is_and_the_frozen_map_stays() -> None:
    source = ClipSource(
        [film()], CONFIG.window, 4, torch.device("cpu"), state_size=PLACE.state_size
    )
    clips = source.draw(torch.Generator().manual_seed(0))
    assert clips.actions_BFA.shape[-1] == PLACED.condition_size
    assert not clips.actions_BFA[..., CONFIG.action_size + 3 :].any()
    torch.manual_seed(0)
    transformer = NFDTransformer(PLACED)
    transformer.place.requires_grad_(False)
    moved = {
        id(parameter)
        for optimizer in nfd_optimizers(transformer, muon_lr=1e-3, adamw_lr=1e-3)
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert not moved & {id(parameter) for parameter in transformer.place.parameters()}
    torch.nn.init.normal_(transformer.head.weight)
    loss = FlowMatching(transformer, source, NoiseMixture(), action_dropout=0.5)
    torch.autograd.backward(loss(torch.Generator().manual_seed(0), 0)["loss"])
    assert transformer.seen.weight.grad is not None and transformer.seen.weight.grad.any()
    assert all(parameter.grad is None for parameter in transformer.place.parameters())


def test_the_critics_wrong_action_is_at_the_right_place() -> None:
    teacher = NFDTransformer(PLACED)
    adversary = Adversary(CriticHeads(PLACED), teacher, AdversarySettings(strength=1.0))
    told = torch.randn(2, 3, PLACED.condition_size)
    wrong = adversary._of_others(told)
    size = CONFIG.action_size
    assert torch.equal(wrong[0, :, :size], told[1, :, :size])
    assert torch.equal(wrong[..., size:], told[..., size:])
