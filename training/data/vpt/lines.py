"""The action log of a VPT recording: one JSON object per frame, with the real field names. Every
byte is untrusted: sizes are checked before parsing, JSON is parsed as JSON and never evaluated, and
only what is used leaves here, with the types it must have. A line that cannot be used costs itself,
not the recording: recordings made by people are not clean."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
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


NOTHING_PRESSED = Line(
    keys=frozenset(),
    buttons=frozenset(),
    new_buttons=frozenset(),
    dx=0.0,
    dy=0.0,
    hotbar=None,
    is_gui_open=False,
)


class LineFault(StrEnum):
    """Why nothing is known of what was pressed while a frame was on screen."""

    DAMAGED = "line damaged"
    EMPTY = "line empty"
    SILENT = "mouse or keyboard not recorded"
    TOO_LONG = "line too long, and all after it"


def read_lines(path: Path) -> list[Line | LineFault]:
    """Raises DamagedRecording where the file is missing or no line of it can be used."""
    try:
        with path.open("rb") as file:
            lines = list(parse_lines(file))
    except OSError as error:
        raise DamagedRecording("actions missing") from error
    while lines and lines[-1] is LineFault.EMPTY:
        lines.pop()
    if not any(isinstance(line, Line) for line in lines):
        raise DamagedRecording("actions damaged")
    return lines


def parse_lines(file: BinaryIO) -> Iterator[Line | LineFault]:
    """One item per line, whatever the bytes are; at most MAX_FRAMES. Ends behind a line that is
    longer than MAX_LINE_BYTES."""
    for _ in range(MAX_FRAMES):
        raw = file.readline(MAX_LINE_BYTES + 1)
        if not raw:
            return
        if len(raw) > MAX_LINE_BYTES:
            yield LineFault.TOO_LONG
            return
        yield _parsed(raw)


def _parsed(raw: bytes) -> Line | LineFault:
    if not raw.strip():
        return LineFault.EMPTY
    try:
        said = json.loads(raw)
        if said["mouse"] is None or said["keyboard"] is None:
            return LineFault.SILENT
        return _line(said)
    except _WRONG:
        return LineFault.DAMAGED


def _line(said: Any) -> Line:
    """`newButtons`, `hotbar` and `isGuiOpen` are not in every recorder's lines; the others are."""
    mouse = said["mouse"]
    return Line(
        keys=frozenset(_of(str, key) for key in _of(list, said["keyboard"]["keys"])),
        buttons=_numbers(mouse["buttons"]),
        new_buttons=_numbers(mouse.get("newButtons", [])),
        dx=_counts(mouse["dx"]),
        dy=_counts(mouse["dy"]),
        hotbar=None if said.get("hotbar") is None else _slot(said["hotbar"]),
        is_gui_open=_of(bool, said.get("isGuiOpen", False)),
    )


def _of(kind: type[T], value: Any) -> T:
    """Of this very type: to Python, 1.0 and true are 1 as well, and to be found in a set of it."""
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected")
    return value


def _numbers(values: Any) -> frozenset[int]:
    return frozenset(_whole(value) for value in _of(list, values))


def _whole(value: Any) -> int:
    """An integer, also where a recorder wrote it as a float."""
    if type(value) is float and value.is_integer():
        return int(value)
    return _of(int, value)


def _counts(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError("mouse counts must be finite numbers")
    return float(value)


def _slot(value: Any) -> int:
    slot = _whole(value)
    if slot not in range(9):
        raise ValueError("hotbar must be 0 to 8")
    return slot
