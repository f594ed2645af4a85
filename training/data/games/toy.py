"""The toy world: 32x32 frames drawn from a pose by plain rules, so the correct frame is known
without a learned network.

    rows 0 - 3    the action that leads to the frame: one 4 x 4 cell per entry of the vector, and at
                  the right end the lamp, lit three frames after `act`
    rows 4 - 31   stripes of a panorama, turned by the heading, and the white player square

`read` is the oracle: pose, action and lamp from the pixels alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.games.players import ScriptedPlayer, Sight
from training.data.recorder import HeldInput
from training.data.recording import Recording

SIZE = 32
LAMP_DELAY = 3
HEADINGS = 64  # columns of the panorama; one is 360 / 64 degrees
_SQUARE = 4
_STEP = 2  # pixels a frame
_TURN = 2  # columns a frame, by a turning key
_CELL = 4
_LAMP = slice(SIZE - _CELL, SIZE)
_MOVES = {"forward": (-1, 0), "back": (1, 0), "left": (0, -1), "right": (0, 1)}  # row, column

ACTION_SPACE = ActionSpace(
    buttons=("forward", "back", "left", "right", "turn_left", "turn_right", "act"),
    degrees_per_count=1.0,
    key_turn_deg=11.25,
    yaw_bins_deg=(-11.25, -5.625, 0.0, 5.625, 11.25),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyState:
    """The position of the square (top left pixel), the heading in columns, and the age in frames of
    each recent `act` (0: the action of the current frame)."""

    row: int = 14
    column: int = 14
    heading: int = 0
    acts: tuple[bool, ...] = (False,) * (LAMP_DELAY + 1)

    @property
    def lamp(self) -> bool:
        return self.acts[LAMP_DELAY]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyReading:
    """The oracle's reading of one frame. `action`: 0 or 1 per button, and the yaw entry."""

    row: int
    column: int
    heading: int
    action: tuple[float, ...]
    lamp: bool


def advance(state: ToyState, action: Sequence[float]) -> ToyState:
    """The rules: the square stops at the edges, the heading wraps around."""
    row, column = state.row, state.column
    for name, down in zip(ACTION_SPACE.model_buttons, action, strict=False):
        if name in _MOVES and down:
            row += _STEP * _MOVES[name][0]
            column += _STEP * _MOVES[name][1]
    turned = round(action[-1] * ACTION_SPACE.yaw_bins_deg[-1] / (360 / HEADINGS))
    act = bool(action[ACTION_SPACE.model_buttons.index("act")])
    return ToyState(
        row=min(max(row, _CELL), SIZE - _SQUARE),
        column=min(max(column, 0), SIZE - _SQUARE),
        heading=(state.heading + turned) % HEADINGS,
        acts=(act, *state.acts[:-1]),
    )


def render(state: ToyState, action: Sequence[float]) -> NDArray[np.uint8]:
    frame = np.empty((SIZE, SIZE, 3), np.uint8)
    frame[_CELL:] = np.roll(_PANORAMA, -state.heading, axis=0)[:SIZE]
    frame[:_CELL] = 0
    for entry, value in enumerate(action):
        cell = slice(_CELL * entry, _CELL * (entry + 1))
        frame[:_CELL, cell] = round((value + 1) / 2 * 255)
    frame[:_CELL, _LAMP] = 255 if state.lamp else 0
    frame[state.row : state.row + _SQUARE, state.column : state.column + _SQUARE] = 255
    return frame


def read(frame: NDArray[np.uint8]) -> ToyReading:
    """The oracle: exact on rendered frames, the nearest reading on generated frames."""
    view = frame.astype(np.int64)
    brightness = view[_CELL:].min(axis=-1)
    sums = np.array(
        [
            [brightness[r : r + _SQUARE, c : c + _SQUARE].sum() for c in range(SIZE - _SQUARE + 1)]
            for r in range(SIZE - _CELL - _SQUARE + 1)
        ]
    )
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    columns = np.median(view[_CELL:], axis=0)
    misses = [
        np.abs(np.roll(_PANORAMA, -heading, axis=0)[:SIZE] - columns).sum()
        for heading in range(HEADINGS)
    ]
    return ToyReading(
        row=int(row) + _CELL,
        column=int(column),
        heading=int(np.argmin(misses)),
        action=read_action(frame),
        lamp=bool(view[:_CELL, _LAMP].mean() > 127),
    )


def show(frame: NDArray[np.uint8]) -> dict[str, tuple[float, ...]]:
    """The values that a card compares. The action repeats the request; the pose follows from all
    actions; a lit lamp follows from an action long past. A heading is a point on a circle with
    columns one unit apart, so the last column is next to the first."""
    seen = read(frame)
    angle, radius = 2 * np.pi * seen.heading / HEADINGS, HEADINGS / (2 * np.pi)
    pose = (seen.row, seen.column, radius * np.cos(angle), radius * np.sin(angle))
    return {"action": seen.action, "pose": pose} | ({"lamp": (1.0,)} if seen.lamp else {})


# A pose is right within one frame's walk and half of one frame's turn.
SLACK = {"pose": (_STEP, _STEP, _TURN / 2, _TURN / 2)}


def read_action(frame: NDArray[np.uint8]) -> tuple[float, ...]:
    """The action that led to a frame, 0 or 1 per button, and the yaw entry."""
    cells = [frame[:_CELL, _CELL * i + 1 : _CELL * i + 3].mean() for i in range(ACTION_SPACE.size)]
    buttons = [float(cell > 191) for cell in cells[:-1]]
    max_yaw = ACTION_SPACE.yaw_bins_deg[-1]
    return (*buttons, ACTION_SPACE.quantise_yaw((cells[-1] / 255 * 2 - 1) * max_yaw) / max_yaw)


@dataclass(frozen=True, slots=True)
class ToyRecorder:
    """Records the toy world with the scripted player. Poses are column, -row and degrees."""

    action_space: ActionSpace = field(default=ACTION_SPACE)

    def record(self, *, num_frames: int, seed: int, then: Sequence[HeldInput] = ()) -> Recording:
        rng = np.random.default_rng(seed)
        player = ScriptedPlayer(rng, self.action_space.key_turn_deg)
        state = ToyState(row=int(rng.integers(8, 20)), heading=int(rng.integers(HEADINGS)))
        action = (0.0,) * self.action_space.size
        frames, actions, poses = [], [], []
        moved = 0.0
        for i in range(num_frames + len(then)):
            frames.append(render(state, action))
            actions.append(action)
            poses.append((state.column, -state.row, state.heading * 360 / HEADINGS))
            if i + 1 < num_frames or not then:
                held = player.act(Sight(np.ones(SIZE, np.float32), moved))
            else:
                held = then[min(i + 1 - num_frames, len(then) - 1)]
            action = self.action_space.vector_of(set(held.down), held.yaw_deg)
            following = advance(state, action)
            moved = float(abs(following.row - state.row) + abs(following.column - state.column))
            state = following
        return Recording(
            frames=np.stack(frames),
            actions=np.array(actions, np.float32),
            poses=np.array(poses, np.float32),
            cuts=np.arange(len(frames)) == 0,
        )


def _panorama() -> NDArray[np.int64]:
    """(HEADINGS, 3): a different dark colour for every column, smooth around."""
    around = 2 * np.pi * np.arange(HEADINGS) / HEADINGS
    channels = [np.sin(around), np.cos(around), np.sin(3 * around)]
    return np.stack([(80 + 70 * channel).round() for channel in channels], axis=-1).astype(np.int64)


_PANORAMA = _panorama()
