"""The action log of a VPT recording: one JSON object per frame, with the real field names. Every
byte is untrusted: sizes are checked before parsing, JSON is parsed as JSON and never evaluated, and
only what is used leaves here, with the types it must have."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from training.data.source import DamagedRecording

T = TypeVar("T")

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
            return list(parse_lines(file))
    except OSError as error:
        raise DamagedRecording("actions missing") from error


def parse_lines(file: BinaryIO) -> Iterator[Line]:
    """Raises DamagedRecording, and nothing else whatever the bytes are."""
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
    return Line(
        keys=_all(str, said["keyboard"]["keys"]),
        buttons=_all(int, mouse["buttons"]),
        new_buttons=_all(int, mouse.get("newButtons", [])),
        dx=_counts(mouse["dx"]),
        dy=_counts(mouse["dy"]),
        hotbar=None if said.get("hotbar") is None else _slot(said["hotbar"]),
        is_gui_open=_of(bool, said["isGuiOpen"]),
    )


def _of(kind: type[T], value: Any) -> T:
    """Of this very type: to Python, 1.0 and true are 1 as well, and to be found in a set of it."""
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected")
    return value


def _all(kind: type[T], values: Any) -> frozenset[T]:
    return frozenset(_of(kind, value) for value in _of(list, values))


def _counts(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError("mouse counts must be finite numbers")
    return float(value)


def _slot(value: Any) -> int:
    if _of(int, value) not in range(9):
        raise ValueError("hotbar must be 0 to 8")
    return int(value)
