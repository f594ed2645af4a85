"""A small world with a place: one square room with a block in its middle."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.nfd.transformer import NFDTransformer
from model.place.config import PlaceConfig
from model.place.floor import Floor, FloorSpec
from model.place.state import STATE_SIZE, Motion, StateModel
from model.place.walls import Walls
from model.world import Start, World

MOTION = Motion(
    tics=2, forward=(0.75, -0.75, 0, 0, 0), aside=(0, 0, -0.75, 0.75, 0), friction=0.90625,
    rest=0.0625, air_share=1 / 256, gravity=1.0, radius=16.0, yaw_deg=15.0,
    turn_grain_deg=360 / 65536,
)  # fmt: skip
CELL, HALF, BLOCK = 4.0, 128.0, 32.0
PLACE = PlaceConfig(
    state_size=STATE_SIZE, middle_x=0.0, middle_y=0.0, reach=160.0, farthest=300.0, width=16,
    num_layers=1, num_heads=2, fine=12, coarse=6, channels=4, depths=6,
)  # fmt: skip


def make_state_model() -> StateModel:
    """East of x = 64 the floor is 8 units lower."""
    corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)]
    walls = [
        (*(size * np.array(first)), *(size * np.array(second)), 0.0)
        for size in (HALF, BLOCK)
        for first, second in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    middles = np.arange(-HALF + CELL / 2, HALF, CELL)
    x, y = np.meshgrid(middles, middles)
    from_middle = np.maximum(abs(x), abs(y))
    room = np.minimum(HALF - 16 - from_middle, from_middle - BLOCK - 16).clip(-32, 32)
    return StateModel(
        motion=MOTION,
        floor=Floor(
            spec=FloorSpec(west=-HALF, south=-HALF, cell=CELL),
            room_HW=room.astype(np.float32),
            height_HW=np.where(x > 80, -8, 0).astype(np.float32),
        ),
        walls=Walls(np.array(walls, np.float32), 16.0),
    )


@pytest.fixture(scope="session")
def state_model() -> StateModel:
    return make_state_model()


@pytest.fixture(scope="session")
def place_world(world: World, state_model: StateModel) -> World:
    return make_place_world(world, state_model)


def make_place_world(world: World, state_model: StateModel) -> World:
    nfd = replace(world.spec.nfd, place=PLACE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformer = NFDTransformer(nfd)
        for parameter in transformer.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return replace(
        world,
        spec=replace(world.spec, name="placed", nfd=nfd, state=state_model.spec),
        transformer=transformer.eval().requires_grad_(False),
        starts=tuple(_placed(start, state_model) for start in world.starts),
        digest="digest-place",
        state_model=state_model,
    )


def _placed(start: Start, model: StateModel) -> Start:
    state, states = model.at(-80.0, 80.0, 10.0), []
    for action in start.actions_FA.tolist():
        state = model.advance(state, action)
        states.append(state)
    told = torch.cat((start.actions_FA, torch.tensor(states)), dim=1)
    return replace(start, actions_FA=told)
