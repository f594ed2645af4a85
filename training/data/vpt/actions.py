"""From the lines of a VPT recording to action vectors. Mouse counts become degrees by the
recorder's own scale and fall into mu-law bins; they are not cut to whole degrees first, as VPT's
own reader does.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.action_space import HOTBAR, ActionSpace, mu_law_bins
from training.data.vpt.lines import Line

DEGREES_PER_COUNT = 360.0 / 2400.0
MAX_CAMERA_DEG, NUM_CAMERA_BINS, MU = 90.0, 21, 11.4887  # MineWorld's (arXiv 2504.08388)
CAMERA_BINS_DEG = mu_law_bins(MAX_CAMERA_DEG, NUM_CAMERA_BINS, MU)

# Sixteen of the 23 that recordings name, since an action carries sixteen. Without `inventory` and
# `ESC`, which open menus that no film shows; without `swapHands` and `pickItem`, which MineWorld
# leaves out or hardly sees; and without the last three slots of the hotbar.
ACTION_SPACE = ActionSpace(
    buttons=(
        "forward",
        "back",
        "left",
        "right",
        "jump",
        "sneak",
        "sprint",
        "attack",
        "use",
        "drop",
        *HOTBAR[:6],
    ),
    degrees_per_count=DEGREES_PER_COUNT,
    key_turn_deg=0.0,
    yaw_bins_deg=CAMERA_BINS_DEG,
    pitch_bins_deg=CAMERA_BINS_DEG,
    mu=MU,
)

_KEYS = {
    "key.keyboard.w": "forward",
    "key.keyboard.s": "back",
    "key.keyboard.a": "left",
    "key.keyboard.d": "right",
    "key.keyboard.space": "jump",
    "key.keyboard.left.shift": "sneak",
    "key.keyboard.left.control": "sprint",
    "key.keyboard.q": "drop",
    "key.keyboard.f": "swapHands",
    "key.keyboard.e": "inventory",
    "key.keyboard.escape": "ESC",
} | {f"key.keyboard.{number}": slot for number, slot in enumerate(HOTBAR, start=1)}
_ATTACK, _USE, _PICK_ITEM = 0, 1, 2
_MOUSE = {_ATTACK: "attack", _USE: "use", _PICK_ITEM: "pickItem"}


def buttons_of(lines: Sequence[Line]) -> list[set[str]]:
    """What was down, line by line, contradictions and all. A hotbar slot is down where it was
    chosen, by key or by wheel."""
    before = [lines[0], *lines[:-1]]
    return [
        _down(line, attack) | _chosen(line, last)
        for line, last, attack in zip(lines, before, _real_attacks(lines), strict=True)
    ]


def actions_of(lines: Sequence[Line], space: ActionSpace) -> NDArray[np.float32]:
    """(N, A), row i from line i."""
    rows = [
        space.vector_of(down, line.dx * DEGREES_PER_COUNT, line.dy * DEGREES_PER_COUNT)
        for down, line in zip(buttons_of(lines), lines, strict=True)
    ]
    return np.array(rows, np.float32)


def is_told(lines: Sequence[Line], space: ActionSpace) -> NDArray[np.bool_]:
    """(N,) whether the vector says all that was down. No model could know why else."""
    return np.array([down.issubset(space.buttons) for down in buttons_of(lines)])


def _down(line: Line, attack: bool) -> set[str]:
    down = {_KEYS[key] for key in line.keys & _KEYS.keys()}
    down |= {_MOUSE[button] for button in line.buttons & _MOUSE.keys()}
    return down if attack else down - {"attack"}


def _chosen(line: Line, last: Line) -> set[str]:
    if line.hotbar is None or line.hotbar == last.hotbar:
        return set()
    return {HOTBAR[line.hotbar]}


def _real_attacks(lines: Sequence[Line]) -> list[bool]:
    """Recordings that begin with the click that started them say that attack is held until it is
    pressed again; it is not."""
    is_stuck = lines[0].new_buttons == {_ATTACK}
    real = []
    for i, line in enumerate(lines):
        is_stuck = is_stuck and (i == 0 or _ATTACK not in line.new_buttons)
        real.append(_ATTACK in line.buttons and not is_stuck)
    return real
