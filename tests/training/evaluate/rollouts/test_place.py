"""Whether a place stays: by its own states, by true ones, and after a whole turn."""

import numpy as np
import pytest
import torch

from model.place.state import State
from model.world import World
from tests.model.conftest import make_world
from tests.model.place.conftest import make_place_world, make_state_model
from training.data.recording import Recording
from training.data.states import states_of
from training.evaluate.clips.evaluation_clips import EvaluationClip, clip_at
from training.evaluate.measures.place import is_back, other_views
from training.evaluate.rollouts import place
from training.evaluate.rollouts.generate import RolloutRequest, generate
from training.evaluate.rollouts.place import measure_place
from training.evaluate.rollouts.recorded_states import following

FORWARD = (1.0, 0.0, 0.0, 0.0, 0.0, 0.2)


@pytest.fixture(scope="module")
def world() -> World:
    return make_place_world(make_world("consistency"), make_state_model())


def film(world: World, *, slip: float = 0.0) -> Recording:
    """A walk as the state model has it, but for a slip to the side in its middle."""
    model = world.state_model
    assert model is not None
    state: State = model.at(-90.0, 60.0, 300.0)
    poses = [state[:3]]
    for frame in range(29):
        state = model.advance(state, FORWARD)
        if frame == 14 and slip:
            state = model.at(state[0] - slip, state[1], state[2])
        poses.append(state[:3])
    rng = np.random.default_rng(0)
    return Recording(
        frames=rng.integers(0, 256, (30, 32, 32, 3), np.uint8),
        actions=np.array([(0.0,) * 6, *[FORWARD] * 29], np.float32),
        poses=np.array(poses, np.float32),
        cuts=np.arange(30) == 0,
    )


def clip(world: World, *, slip: float = 0.0) -> EvaluationClip:
    return clip_at(film(world, slip=slip), 10, 10, 16)


def test_states_of_a_film_are_where_it_was_recorded(world: World) -> None:
    model, walk = world.state_model, film(world)
    assert model is not None
    states = states_of(walk, model)
    assert np.array_equal(states[:, :3], walk.poses)
    after = model.advance(tuple(states[20].tolist()), FORWARD)
    assert after == tuple(states[21].tolist())


def test_a_film_may_begin_on_the_way(world: World) -> None:
    model = world.state_model
    assert model is not None
    states = states_of(film(world).part(5, 12), model)
    assert not states[0, 3:5].any() and states[-1, 3:5].any()


def test_true_states_are_followed_where_the_own_ones_are_lost(world: World) -> None:
    model, slipped = world.state_model, film(world, slip=20.0)
    assert model is not None
    after = following(world, [slipped]).state_model
    assert after is not None
    state = tuple(states_of(slipped, model)[10].tolist())
    for frame in range(11, 30):
        state = after.advance(state, FORWARD)
        assert state[:2] == tuple(slipped.poses[frame, :2].tolist())
    assert model.advance((1.0, 90.0, 0.0, 0.0, 0.0, 0.0, 0.0), FORWARD) == after.advance(
        (1.0, 90.0, 0.0, 0.0, 0.0, 0.0, 0.0), FORWARD
    )


def test_both_kinds_of_dream_are_laid_beside_the_real_frames(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "FRAMES", (8, 16, 300))
    with torch.inference_mode():
        figures = measure_place(
            world, [[clip(world)], [clip(world, slip=20.0)]], [], [], num_steps=1
        )
    assert figures is not None and figures.loop_closure is None
    assert [point.frame for point in figures.points] == [8, 16]  # nothing reaches 300
    assert all(point.lost_units == (0.0, 0.0) for point in figures.points)
    assert all(point.psnr_db_own == point.psnr_db_true for point in figures.points)


def test_who_slipped_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "FRAMES", (16,))
    figures = measure_place(world, [[clip(world, slip=20.0)]], [], [], num_steps=1)
    assert figures is not None
    (point,) = figures.points
    assert point.lost_units[0] > 10.0 and point.psnr_db_own != point.psnr_db_true


def test_a_turn_is_made_and_judged(world: World) -> None:
    walk = film(world)
    figures = measure_place(world, [], [walk.part(0, 10)], [walk], num_steps=1)
    assert figures is not None and figures.num_loops == 1 and figures.loop_closure in (0.0, 1.0)
    assert measure_place(make_world("consistency"), [], [walk], [walk], num_steps=1) is None


def test_one_is_back_where_no_other_view_is_nearer() -> None:
    rng = np.random.default_rng(0)
    first, *others = rng.integers(0, 256, (5, 16, 16, 3), np.uint8)
    nearly = np.clip(first.astype(int) + 3, 0, 255).astype(np.uint8)
    assert is_back(first, nearly, np.stack(others))
    assert not is_back(first, others[0], np.stack(others))


def test_other_views_are_near_and_far_and_never_the_same(world: World) -> None:
    poses = np.array(
        [(0, 0, 0), (3, 0, 359), (0, 0, 10), (20, 20, 5), (0, 0, 90), (90, 90, 0)], np.float32
    )
    frames = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    views = Recording(
        frames=frames, actions=np.zeros((6, 6), np.float32), poses=poses, cuts=np.ones(6, np.bool_)
    )
    found = other_views([views.part(0, 3), views.part(3, 6)], poses[0], np.random.default_rng(0))
    assert sorted(found[:, 0, 0, 0].tolist()) == [2, 3, 4, 5]
    assert set(found[:2, 0, 0, 0].tolist()) == {2, 3}  # the near ones first


def test_dreams_begin_in_the_recorded_state(world: World) -> None:
    walk = film(world)
    request = RolloutRequest(context=walk.part(0, 10), actions_TA=walk.actions[10:12])
    assert len(generate(world, [request], num_steps=1, title="t")[0].frames) == 2
