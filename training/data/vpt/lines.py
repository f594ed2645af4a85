"""The action log of a VPT recording: one JSON object per frame, with the real field names. Every
byte is untrusted: sizes are checked before parsing, JSON is parsed as JSON and never evaluated, and
only what is used leaves here, with the types it must have."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data.source import DamagedRecording

# All that parsing and reading a hostile line can raise.
_WRONG = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
MAX_LINE_BYTES = 64 * 1024
FPS = 20.0
MAX_FRAMES = 7_200  # six minutes; VPT's recordings are cut at five


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was pressed while one frame was on screen: names of keys, numbers of mouse buttons,
    mouse counts since the line before (right and down positive)."""

    keys: frozenset[str]
    buttons: frozenset[int]
    new_buttons: frozenset[int]
    dx: float
    dy: float
    hotbar: int | None  # the slot in hand, 0 to 8
    is_gui_open: bool


def read_lines(path: Path) -> list[Line]:
    """Raises DamagedRecording."""
    try:
        with path.open("rb") as file:
            return list(_lines(file))
    except OSError as error:
        raise DamagedRecording("actions missing") from error


def _lines(file: Any) -> Iterator[Line]:
    for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")):
        if len(raw) > MAX_LINE_BYTES or number >= MAX_FRAMES:
            raise DamagedRecording("actions too long")
        try:
            yield _line(json.loads(raw))
        except _WRONG as error:
            raise DamagedRecording("actions damaged") from error


def _line(said: Any) -> Line:
    """`newButtons` and `hotbar` are not in every recorder's lines; the others must be."""
    mouse = said["mouse"]
    line = Line(
        keys=frozenset(said["keyboard"]["keys"]),
        buttons=frozenset(mouse["buttons"]),
        new_buttons=frozenset(mouse.get("newButtons", ())),
        dx=float(mouse["dx"]),
        dy=float(mouse["dy"]),
        hotbar=said.get("hotbar"),
        is_gui_open=said["isGuiOpen"],
    )
    slots = (None, *range(9))
    if not isinstance(line.is_gui_open, bool) or line.hotbar not in slots:
        raise TypeError("isGuiOpen must be a boolean and hotbar 0 to 8")
    if not np.isfinite((line.dx, line.dy)).all():
        raise ValueError("mouse counts must be finite")
    return line
