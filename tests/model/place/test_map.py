"""The map: a function of where one stands and looks, the same in any batch."""

from dataclasses import replace

import pytest
import torch

from model.nfd.transformer import NFDTransformer
from model.place.map import PlaceMap
from model.place.views import Views
from model.world import World
from tests.model.place.conftest import PLACE


@pytest.fixture(scope="module")
def place_map() -> PlaceMap:
    torch.manual_seed(0)
    return PlaceMap(PLACE, 8, 2, 2).eval().requires_grad_(False)


def states(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, PLACE.state_size, generator=generator) * 60


def test_a_view_does_not_depend_on_the_others_of_its_batch(place_map: PlaceMap) -> None:
    together = place_map(states(7))
    for number in range(7):
        alone = place_map(states(7)[number : number + 1])[0]
        torch.testing.assert_close(alone, together[number])


def test_only_where_one_stands_and_looks_is_seen(place_map: PlaceMap) -> None:
    moving = states(1)
    standing = moving.clone()
    standing[:, 3:] = 0.0
    assert torch.equal(place_map(moving), place_map(standing))
    for entry in range(3):
        other = moving.clone()
        other[:, entry] += 20.0
        assert not torch.equal(place_map(moving), place_map(other))


def test_a_whole_turn_shows_the_same(place_map: PlaceMap) -> None:
    turned = states(1)
    turned[:, 2] += 360.0
    torch.testing.assert_close(place_map(turned), place_map(states(1)), atol=1e-3, rtol=1e-3)


def test_rays_look_to_both_sides_and_depths_grow() -> None:
    angles, depths = PLACE.ray_angles(2), PLACE.ray_depths()
    assert len(angles) == 2 * PLACE.rays and angles == sorted(angles)
    assert angles[0] == pytest.approx(-angles[-1])
    assert len(depths) == PLACE.depths and depths == sorted(depths) and depths[0] == 0.0
    assert depths[-1] == pytest.approx(PLACE.farthest)


def test_a_ray_to_the_right_reads_what_lies_to_the_right() -> None:
    """Heading 0 looks along x; to the right of it y falls."""
    config = replace(PLACE, depths=4, farthest=100.0)
    place_map = PlaceMap(config, 8, 2, 2).requires_grad_(False)
    angles = torch.tensor(config.ray_angles(2))[None]
    state = torch.zeros(1, PLACE.state_size)
    place_map.coarse.zero_()
    place_map.fine.zero_()
    place_map.fine[:, :, : config.fine // 2] = 1.0  # south
    met = place_map._features(state, angles)[0, :, -1, 0]
    assert met[0] == 0.0 and met[-1] == 1.0


@pytest.mark.parametrize(
    "wrong", [{"state_size": 2}, {"nearest": 0.0}, {"width": 15}, {"depths": 2}]
)
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        replace(PLACE, **wrong)


def test_a_transformer_without_a_place_has_no_part_of_it(world: World) -> None:
    assert not any("place" in name or "seen" in name for name in world.transformer.state_dict())
    assert world.spec.nfd.condition_size == world.spec.nfd.action_size


def test_what_should_be_seen_is_added_to_the_tokens_and_is_nothing_at_first(
    world: World, place_world: World
) -> None:
    torch.manual_seed(3)
    placed = NFDTransformer(place_world.spec.nfd)
    assert not placed.seen.weight.any() and not placed.seen.bias.any()


def test_views_are_computed_once_each(place_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    look = place_world.transformer.look

    def count(told: torch.Tensor) -> torch.Tensor:
        asked.append(len(told))
        return look(told)

    monkeypatch.setattr(place_world.transformer, "look", count)
    views = Views(place_world.transformer, capacity=4)
    told = torch.cat((torch.zeros(3, place_world.spec.nfd.action_size), states(3)), dim=1)
    first = views.of(told)
    assert torch.equal(views.of(told[[2, 0]]), first[[2, 0]]) and asked == [1, 1, 1]
    for number in range(3):
        assert torch.equal(first[number], look(told[number][None, None])[0, 0])
    many = torch.cat((torch.zeros(6, place_world.spec.nfd.action_size), states(6)), dim=1)
    assert views.of(many).shape[0] == 6  # more than are kept
