"""Keys, mouse and menus of a VPT recording become the vector that a model is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.action_space import ActionSpace
from tests.training.data.vpt.form import Said, said
from training.data.vpt.actions import ACTION_SPACE, CAMERA_BINS_DEG, actions_of, buttons_of, is_told
from training.data.vpt.lines import Line, read_lines


@pytest.fixture
def actions(tmp_path: Path) -> "Actions":
    return Actions(tmp_path / "lines.jsonl")


class Actions:
    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, *lines: Said) -> list[Line]:
        self._path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return [line for line in read_lines(self._path) if isinstance(line, Line)]

    def vectors(self, *lines: Said) -> NDArray[np.float32]:
        return actions_of(self.lines(*lines), ACTION_SPACE)

    def down(self, *lines: Said) -> list[set[str]]:
        """Names of what is not zero, by line."""
        return [
            {name for name, value in zip(ACTION_SPACE.entries, row, strict=True) if value}
            for row in self.vectors(*lines)
        ]


def test_the_camera_bins_are_those_of_the_paper() -> None:
    half = (2.25, 5.15, 8.87, 13.67, 19.85, 27.8, 38.04, 51.21, 68.17, 90.0)
    expected = [*(-degrees for degrees in reversed(half)), 0.0, *half]
    assert list(CAMERA_BINS_DEG) == pytest.approx(expected, abs=0.006)


def test_an_angle_falls_into_the_bin_nearest_on_the_mu_law_scale() -> None:
    def camera_bin(degrees: float) -> int:
        return CAMERA_BINS_DEG.index(ACTION_SPACE.quantise_yaw(degrees))

    assert [camera_bin(centre) for centre in CAMERA_BINS_DEG] == list(range(21))
    assert camera_bin(3.6) == 11
    assert camera_bin(3.65) == 12  # in degrees alone, 2.25 would be nearer than 5.15
    assert camera_bin(-3.65) == 8
    assert (camera_bin(500.0), camera_bin(-500.0)) == (20, 0)


def test_what_was_recorded_and_what_is_played_give_the_same_vector(actions: Actions) -> None:
    recorded = actions.vectors(said("w", "space", dx=15.0, dy=-40.0, buttons=(0,)))[0]
    held = sum(1 << ACTION_SPACE.buttons.index(name) for name in ("forward", "jump", "attack"))
    assert (recorded == np.array(ACTION_SPACE.vector(held, 0, 15, -40), np.float32)).all()


def test_mouse_counts_turn_by_the_recorders_scale(actions: Actions) -> None:
    pitch, yaw = actions.vectors(said(dx=15.0, dy=-600.0))[0, -2:] * 90
    assert (pitch, yaw) == pytest.approx((-90.0, 2.25), abs=0.01)  # -90 and 2.25 degrees


def test_every_key_and_mouse_button_has_its_name(actions: Actions) -> None:
    lines = actions.lines(
        said("w", "a", "space", "left.control"), said("s", "d", "left.shift"), said("q", "f"),
        said("e", "escape"), said("9"), said(buttons=(0,)), said(buttons=(1,)), said(buttons=(2,)),
        said("unknown", buttons=(7,)),
    )  # fmt: skip
    assert buttons_of(lines) == [
        {"forward", "left", "jump", "sprint"}, {"back", "right", "sneak"}, {"drop", "swapHands"},
        {"inventory", "ESC"}, {"hotbar.9"}, {"attack"}, {"use"}, {"pickItem"}, set(),
    ]  # fmt: skip
    told = is_told(lines, ACTION_SPACE)
    assert list(told) == [True, True, False, False, False, True, True, False, True]


def test_what_a_world_lacks_is_in_no_vector_and_said_to_be_missing(actions: Actions) -> None:
    lines = actions.lines(said("w"), said("w", "f"))
    walk: ActionSpace = replace(ACTION_SPACE, buttons=("forward",), pitch_bins_deg=())
    assert actions_of(lines, walk).tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert list(is_told(lines, walk)) == [True, False]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (said("w", "s", "a"), {"left"}),
        (said("a", "d"), set()),
        (said("space", "left.shift"), set()),
        (said("left.control", "left.shift", "w"), {"forward"}),
        (said(buttons=(0, 1)), set()),
        (said("space", "left.shift", "left.control"), set()),
        (said("7", "3"), {"hotbar.3"}),
    ],
)
def test_what_contradicts_itself_is_cancelled(actions: Actions, line: Said, left: set[str]) -> None:
    assert actions.down(line) == [left]


def test_the_wheel_chooses_a_slot_when_it_changes(actions: Actions) -> None:
    lines = [said(hotbar=slot) for slot in (2, 2, 3, 3)]
    assert actions.down(*lines) == [set(), set(), {"hotbar.4"}, set()]


def test_an_attack_that_began_before_the_recording_counts_from_the_next_press(
    actions: Actions,
) -> None:
    held = said(buttons=(0,))
    pressed = said(buttons=(0,), new_buttons=(0,))
    assert actions.down(pressed, held, said(), pressed, held) == [
        set(), set(), set(), {"attack"}, {"attack"},
    ]  # fmt: skip
    assert actions.down(held, held) == [{"attack"}, {"attack"}]
