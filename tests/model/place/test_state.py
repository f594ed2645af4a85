"""The state model: motion, walls, falls, and states that survive being kept as float32."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.place.state import State, StateModel, rounded
from model.place.walls import Walls

FORWARD = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
RIGHT = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
NOTHING = (0.0,) * 6


def play(model: StateModel, state: State, action: tuple[float, ...], frames: int) -> State:
    for _ in range(frames):
        state = model.advance(state, action)
    return state


def test_forward_leads_where_one_looks_and_aside_to_its_right(state_model: StateModel) -> None:
    state = state_model.at(-80.0, -80.0, 270.0)  # looks north
    assert play(state_model, state, FORWARD, 4)[0] == pytest.approx(-80.0, abs=1e-3)
    assert play(state_model, state, FORWARD, 4)[1] > -60.0
    aside = play(state_model, state, RIGHT, 4)
    assert aside[0] > -60.0 and aside[1] == pytest.approx(-80.0, abs=1e-3)


def test_top_speed_is_push_over_friction(state_model: StateModel) -> None:
    free = replace(state_model, walls=Walls(np.zeros((0, 5), np.float32), 16.0))
    motion = state_model.motion
    before = play(free, free.at(0.0, 0.0, 0.0), FORWARD, 100)
    after = free.advance(before, FORWARD)
    push, share = motion.forward[0], motion.friction
    assert after[0] - before[0] == pytest.approx(2 * push / (1 - share), rel=1e-3)


def test_turns_add_up_in_whole_grains(state_model: StateModel) -> None:
    grain = state_model.motion.turn_grain_deg
    turned = state_model.advance(state_model.at(-80.0, 80.0, 0.0), (0, 0, 0, 0, 0, 1.0))[2]
    assert turned == pytest.approx(2 * math.floor(7.5 / grain) * grain, abs=1e-4)
    back = state_model.advance(state_model.at(-80.0, 80.0, 0.0), (0, 0, 0, 0, 0, -1.0))[2]
    assert back == pytest.approx(360 + 2 * math.floor(-7.5 / grain) * grain, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_walls_hold_whatever_the_hands_do(state_model: StateModel, seed: int) -> None:
    rng, state = np.random.default_rng(seed), state_model.at(-80.0, 80.0, 0.0)
    for _ in range(400):
        held = rng.random(5) < (0.9, 0.1, 0.3, 0.3, 0.1)
        action = (*held.astype(float).tolist(), float(rng.uniform(-1, 1)))
        for _ in range(int(rng.integers(1, 12))):
            state = state_model.advance(state, action)
            assert not state_model.walls.blocks(*state[:2])
            assert max(abs(state[0]), abs(state[1])) <= 112.0 + 1e-3  # did not tunnel out
            assert max(abs(state[0]), abs(state[1])) >= 48.0 - 1e-3


def test_a_wall_leaves_the_way_along_it(state_model: StateModel) -> None:
    at_wall = play(state_model, state_model.at(-80.0, 0.0, 225.0), FORWARD, 20)
    assert at_wall[0] == pytest.approx(-112.0, abs=0.2)
    assert at_wall[1] == pytest.approx(112.0, abs=0.2)  # slid north until the corner


def test_one_falls_off_an_edge_and_keeps_the_speed_meanwhile(state_model: StateModel) -> None:
    state, heights = state_model.at(60.0, 70.0, 0.0), []
    for _ in range(8):
        state = state_model.advance(state, FORWARD)
        heights.append(state[5])
    assert heights[0] == 0.0 and heights[-1] == -8.0 and any(-8.0 < h < 0.0 for h in heights)
    resting = play(state_model, state, NOTHING, 60)
    assert resting[3:5] == (0.0, 0.0) and resting[6] == 0.0


def test_the_plan_has_the_north_above(state_model: StateModel) -> None:
    floor = state_model.floor
    west, south, east, north = floor.extent
    assert (west, south, east, north) == (-128.0, -128.0, 128.0, 128.0)
    height = len(floor.plan_HW)
    for x, y in ((-90.0, 90.0), (0.0, 0.0), (90.0, -60.0), (-120.0, 0.0)):
        row, column = int((north - y) / (north - south) * height), int((x - west) / 4)
        assert (floor.plan_HW[row, column] == 255) == floor.is_free(x, y)


def test_a_state_is_what_float32_holds(state_model: StateModel) -> None:
    state = play(state_model, state_model.at(-80.0, 80.0, 33.0), (1, 0, 0, 1, 0, 0.4), 50)
    assert rounded(torch.tensor(state).tolist()) == state
    assert rounded((0.0, 0.0, 359.9999999)) == (0.0, 0.0, 0.0)


def test_tensors_give_the_same_model(state_model: StateModel) -> None:
    halves = {name: tensor.half() for name, tensor in state_model.tensors().items()}
    again = StateModel.of(state_model.spec, halves)
    state = state_model.at(-80.0, 80.0, 33.0)
    action = (1.0, 0.0, 0.0, 1.0, 0.0, 0.3)
    assert play(again, state, action, 40) == play(state_model, state, action, 40)
    with pytest.raises(ValueError, match="expected"):
        StateModel.of(state_model.spec, {"room": halves["room"]})
    with pytest.raises(ValueError, match="five numbers"):
        StateModel.of(state_model.spec, halves | {"walls": torch.zeros(3, 4)})
