"""Whatever bytes there are, a line is read rightly or its recording is damaged."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.data.vpt.form import said
from training.data.source import DamagedRecording
from training.data.vpt.actions import ACTION_SPACE, actions_of, is_told
from training.data.vpt.lines import Line, parse_lines

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


def read(*lines: Mapping[str, Any] | bytes) -> list[Line]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return list(parse_lines(io.BytesIO(b"\n".join(raw))))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("hotbar",), 1.0),
        (("hotbar",), True),
        (("hotbar",), 9),
        (("mouse", "buttons"), [True]),
        (("mouse", "buttons"), [0.0]),
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
def test_a_value_of_another_type_costs_the_recording(place: tuple[str, ...], value: object) -> None:
    with pytest.raises(DamagedRecording, match="actions damaged"):
        read(said("w"), changed(place, value))


@pytest.mark.parametrize("place", [place for place in PLACES if place[-1] not in ("hotbar",)])
def test_what_every_recorder_writes_must_be_there(place: tuple[str, ...]) -> None:
    line = changed(place, None)
    del (line if len(place) == 1 else line[place[0]])[place[-1]]
    if place[-1] == "newButtons":
        assert read(line)[0].new_buttons == frozenset()
        return
    with pytest.raises(DamagedRecording):
        read(line)


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_value_at_any_place_is_an_action_or_damage(
    place: tuple[str, ...], value: object
) -> None:
    try:
        lines = read(said("a"), changed(place, value))
    except DamagedRecording:
        return
    assert actions_of(lines, ACTION_SPACE).shape == (2, ACTION_SPACE.size)
    assert len(is_told(lines, ACTION_SPACE)) == 2


@settings(max_examples=150, deadline=None)
@given(raw=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_damage_and_nothing_worse(raw: bytes) -> None:
    if raw:
        with pytest.raises(DamagedRecording):
            read(raw)
