"""The player's position and heading, computed from action to action. Plain floats; knows no network
and no image, so a state is independent of other sessions and of generated frames.

A state is x, y (map units), the heading (degrees, clockwise from east, in [0, 360)), the velocity
in x and y, the height of the feet and the vertical velocity (map units a tic), each a number that
float32 holds exactly.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.place.floor import Floor, FloorSpec
from model.place.walls import Walls

STATE_SIZE = 7
State = tuple[float, ...]
Advance = Callable[[State, Sequence[float]], State]  # by the action of one frame

_ROUNDING = 1e-3  # of a grain: an entry of an action is a float32
_PARTS = ("room", "height", "walls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How an action moves a body. A frame is `tics` tics. Each tic turns by a share of the yaw, a
    whole number of `turn_grain_deg` rounded down; the action's last entry is the yaw in units of
    `yaw_deg` a frame. On the ground the action pushes along the heading by `forward` and to the
    right by `aside` (map units a tic, per entry of the action), in the air by `air_share` of both.
    Then the body moves, and keeps `friction` of the velocity on the ground; a velocity below `rest`
    in both axes becomes 0. Over a lower floor the body falls, faster by `gravity` each tic, by
    twice `gravity` in the first tic. `radius` is half of the body's width."""

    tics: int
    forward: tuple[float, ...]
    aside: tuple[float, ...]
    friction: float
    rest: float
    air_share: float
    gravity: float
    radius: float
    yaw_deg: float
    turn_grain_deg: float

    def turn_deg(self, yaw: float) -> float:
        """What one tic turns by, to the right."""
        grains = yaw * self.yaw_deg / self.tics / self.turn_grain_deg
        return math.floor(grains + _ROUNDING) * self.turn_grain_deg

    def push(self, action: Sequence[float], heading: float) -> tuple[float, float]:
        """In x and y, on the ground."""
        ahead = sum(push * held for push, held in zip(self.forward, action, strict=False))
        aside = sum(push * held for push, held in zip(self.aside, action, strict=False))
        angle = math.radians(heading)
        east, south = math.cos(angle), math.sin(angle)
        return ahead * east - aside * south, -ahead * south - aside * east


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpec:
    """What a state model is besides its arrays."""

    motion: Motion
    floor: FloorSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StateModel:
    """Motion over a floor, between walls that hold."""

    motion: Motion
    floor: Floor
    walls: Walls

    @classmethod
    def of(cls, spec: StateSpec, tensors: Mapping[str, Tensor]) -> "StateModel":
        """From what `tensors` gave. Raises ValueError for anything else."""
        if tensors.keys() != set(_PARTS):
            raise ValueError(f"{sorted(_PARTS)} expected, got {sorted(tensors)}")
        room, height, walls = (tensors[part].float().numpy() for part in _PARTS)
        if room.ndim != 2 or room.shape != height.shape:
            raise ValueError(f"two grids of one shape expected, got {room.shape}, {height.shape}")
        return cls(
            motion=spec.motion,
            floor=Floor(spec=spec.floor, room_HW=room, height_HW=height),
            walls=Walls(walls, spec.motion.radius),
        )

    def tensors(self) -> dict[str, Tensor]:
        arrays = (self.floor.room_HW, self.floor.height_HW, self.walls.segments_N5)
        return {part: torch.from_numpy(array) for part, array in zip(_PARTS, arrays, strict=True)}

    @property
    def spec(self) -> StateSpec:
        return StateSpec(motion=self.motion, floor=self.floor.spec)

    def at(self, x: float, y: float, heading: float) -> State:
        """Standing still there."""
        return rounded((x, y, heading, 0.0, 0.0, self.floor.height(x, y), 0.0))

    def advance(self, state: State, action: Sequence[float]) -> State:
        """The state after a frame of that action."""
        motion = self.motion
        x, y, heading, speed_x, speed_y, height, falling = state
        turn = motion.turn_deg(action[-1])
        for _ in range(motion.tics):
            heading = (heading + turn) % 360.0
            push_x, push_y = motion.push(action, heading)
            below = self.floor.height(x, y)
            grip = 1.0 if height <= below else motion.air_share
            speed_x, speed_y = speed_x + grip * push_x, speed_y + grip * push_y
            x, y, speed_x, speed_y = self._move(x, y, speed_x, speed_y)
            ground = self.floor.height(x, y)
            if height <= ground:
                speed_x, speed_y = speed_x * motion.friction, speed_y * motion.friction
                if abs(speed_x) < motion.rest and abs(speed_y) < motion.rest:
                    speed_x = speed_y = 0.0
            height, falling = self._fall(height, falling, below, ground)
        return rounded((x, y, heading, speed_x, speed_y, height, falling))

    def _move(self, x: float, y: float, way_x: float, way_y: float) -> tuple[float, ...]:
        if way_x == 0.0 and way_y == 0.0:
            return x, y, way_x, way_y
        far_from_walls = self.floor.room(x + way_x, y + way_y) > 2 * self.floor.spec.cell
        if far_from_walls or not self.walls.blocks(x + way_x, y + way_y):
            return x + way_x, y + way_y, way_x, way_y
        return self.walls.slide(x, y, way_x, way_y)

    def _fall(
        self, height: float, falling: float, before: float, ground: float
    ) -> tuple[float, float]:
        """The height of the feet and its velocity after a tic that led from a floor as high as
        `before` to one as high as `ground`."""
        height += falling
        if height <= ground:
            return ground, 0.0
        ran_off = falling == 0.0 and before > ground and height == before
        return height, falling - self.motion.gravity * (2 if ran_off else 1)


def stateless(state: State, action: Sequence[float]) -> State:
    """What a world without a place carries on: nothing."""
    return ()


def rounded(state: Sequence[float]) -> State:
    """The nearest numbers that float32 holds, for storage and transfer without loss."""
    x, y, heading, *rest = np.array(state, np.float32).tolist()
    return (x, y, heading if heading < 360.0 else 0.0, *rest)
