"""Whatever bytes there are, a line is read rightly or known as one that cannot be used."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.data.vpt.form import said
from training.data.vpt.actions import ACTION_SPACE, actions_of, is_told
from training.data.vpt.lines import MAX_FRAMES, MAX_LINE_BYTES, Line, LineFault, parse_lines

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PLACES = (
    ("mouse",), ("mouse", "dx"), ("mouse", "dy"), ("mouse", "buttons"), ("mouse", "newButtons"),
    ("keyboard",), ("keyboard", "keys"), ("isGuiOpen",), ("hotbar",),
)  # fmt: skip


def changed(place: tuple[str, ...], value: object) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(json.dumps(said("w")))
    inner = line if len(place) == 1 else line[place[0]]
    inner[place[-1]] = value
    return line


def read(*lines: Mapping[str, Any] | bytes) -> list[Line | LineFault]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return list(parse_lines(io.BytesIO(b"\n".join(raw))))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("hotbar",), 1.5),
        (("hotbar",), True),
        (("hotbar",), 9),
        (("mouse", "buttons"), [True]),
        (("mouse", "buttons"), [0.5]),
        (("mouse", "buttons"), {"0": 1}),
        (("mouse", "newButtons"), None),
        (("mouse", "dx"), "3"),
        (("mouse", "dx"), True),
        (("mouse", "dy"), float("nan")),
        (("mouse", "dy"), 10**400),
        (("keyboard", "keys"), "key.keyboard.w"),
        (("keyboard", "keys"), [["key.keyboard.w"]]),
        (("isGuiOpen",), 0),
    ],
)
def test_a_value_of_another_type_costs_its_line_alone(
    place: tuple[str, ...], value: object
) -> None:
    first, changed_line, last = read(said("w"), changed(place, value), said("a"))
    assert changed_line is LineFault.DAMAGED
    assert isinstance(first, Line) and isinstance(last, Line)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", LineFault.EMPTY),
        (b"\0" * 40, LineFault.DAMAGED),
        (b"{'mouse': True}", LineFault.DAMAGED),
        (json.dumps(changed(("mouse",), None)).encode(), LineFault.SILENT),
        (json.dumps(changed(("keyboard",), None)).encode(), LineFault.SILENT),
    ],
)
def test_a_line_that_says_nothing_costs_itself_alone(raw: bytes, fault: LineFault) -> None:
    first, found, last = read(said("w"), raw, said("a"))
    assert found is fault
    assert isinstance(first, Line) and isinstance(last, Line)


def test_integers_may_be_written_as_floats() -> None:
    (line,) = read(changed(("mouse", "buttons"), [0.0, 1.0]) | {"hotbar": 3.0})
    assert isinstance(line, Line)
    assert line.buttons == {0, 1} and line.hotbar == 3


def test_a_line_too_long_ends_the_log_and_so_do_too_many() -> None:
    assert read(said("w"), b"x" * (MAX_LINE_BYTES + 9), said())[1:] == [LineFault.TOO_LONG]
    assert len(read(*[b"{}"] * (MAX_FRAMES + 5))) == MAX_FRAMES


@pytest.mark.parametrize("place", [place for place in PLACES if place[-1] not in ("hotbar",)])
def test_what_every_recorder_writes_must_be_there(place: tuple[str, ...]) -> None:
    line = changed(place, None)
    del (line if len(place) == 1 else line[place[0]])[place[-1]]
    (found,) = read(line)
    assert isinstance(found, Line) is (place[-1] in ("newButtons", "isGuiOpen"))


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_value_at_any_place_is_an_action_or_a_fault(
    place: tuple[str, ...], value: object
) -> None:
    lines = [line for line in read(said("a"), changed(place, value)) if isinstance(line, Line)]
    assert actions_of(lines, ACTION_SPACE).shape == (len(lines), ACTION_SPACE.size)
    assert len(is_told(lines, ACTION_SPACE)) == len(lines)


@settings(max_examples=150, deadline=None)
@given(raw=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_faults_and_nothing_worse(raw: bytes) -> None:
    assert all(isinstance(line, LineFault) for line in read(raw))
