"""From the lines of a VPT recording to action vectors: 23 buttons, then pitch and yaw. Mouse counts
become degrees by the recorder's own scale and fall into mu-law bins; they are not cut to whole
degrees first, as VPT's own reader does.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.action_space import mu_law_bins
from training.data.vpt.lines import Line

DEGREES_PER_COUNT = 360.0 / 2400.0
MAX_CAMERA_DEG, NUM_CAMERA_BINS, MU = 90.0, 21, 11.4887
CAMERA_BINS_DEG = mu_law_bins(MAX_CAMERA_DEG, NUM_CAMERA_BINS, MU)

BUTTONS = (
    "use", "attack", "forward", "back", "left", "right", "jump", "sneak", "sprint", "drop",
    "swapHands", "pickItem", "inventory", "ESC", *(f"hotbar.{slot}" for slot in range(1, 10)),
)  # fmt: skip
ACTION_NAMES = (*BUTTONS, "pitch", "yaw")

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
} | {f"key.keyboard.{slot}": f"hotbar.{slot}" for slot in range(1, 10)}
_ATTACK, _USE, _PICK_ITEM = 0, 1, 2
_MOUSE = {_ATTACK: "attack", _USE: "use", _PICK_ITEM: "pickItem"}
_SLOTS = {name for name in BUTTONS if name.startswith("hotbar.")}
_CONFLICTS = (
    {"forward", "back"}, {"left", "right"}, {"jump", "sneak"}, {"sprint", "sneak"},
    {"attack", "use"},
)  # fmt: skip


def actions_of(lines: Sequence[Line]) -> NDArray[np.float32]:
    """(N, 25), row i from line i: 0 or 1 per button, angles as share of 90 degrees in [-1, 1]."""
    before = [lines[0], *lines[:-1]]
    rows = [
        _row(line, attack, line.hotbar if line.hotbar != last.hotbar else None)
        for line, last, attack in zip(lines, before, _real_attacks(lines), strict=True)
    ]
    return np.array(rows, np.float32)


def camera_bin(degrees: float) -> int:
    """Index of the bin, nearest on the mu-law scale (not in degrees)."""
    half = NUM_CAMERA_BINS // 2
    size = min(abs(degrees) / MAX_CAMERA_DEG, 1.0)
    steps = round(half * math.log1p(MU * size) / math.log1p(MU))
    return half + (steps if degrees > 0 else -steps)


def _row(line: Line, attack: bool, chosen_slot: int | None) -> tuple[float, ...]:
    down = {_KEYS[key] for key in line.keys & _KEYS.keys()}
    down |= {_MOUSE[button] for button in line.buttons & _MOUSE.keys()}
    if not attack:
        down.discard("attack")
    if chosen_slot is not None:  # by key or by wheel
        down.add(f"hotbar.{chosen_slot + 1}")
    down -= set().union(*(pair for pair in _CONFLICTS if pair <= down))
    down -= set(sorted(down & _SLOTS)[1:])  # the lowest wins
    camera = [
        CAMERA_BINS_DEG[camera_bin(counts * DEGREES_PER_COUNT)] / MAX_CAMERA_DEG
        for counts in (line.dy, line.dx)
    ]
    return (*(float(name in down) for name in BUTTONS), *camera)


def _real_attacks(lines: Sequence[Line]) -> list[bool]:
    """Recordings that begin with the click that started them say that attack is held until it is
    pressed again; it is not."""
    is_stuck = lines[0].new_buttons == {_ATTACK}
    real = []
    for i, line in enumerate(lines):
        is_stuck = is_stuck and (i == 0 or _ATTACK not in line.new_buttons)
        real.append(_ATTACK in line.buttons and not is_stuck)
    return real
