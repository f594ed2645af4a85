"""An oracle's shares count what either film shows, so that leaving a thing out is never right."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.games.frame_oracle import FrameOracle, Shown
from training.evaluate.measures.oracle import read_rightly


def _film(*values: int) -> NDArray[np.uint8]:
    return np.array(values, np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=-1)


def _read(frame: NDArray[np.uint8]) -> Mapping[str, Shown]:
    value = float(frame[0, 0, 0])
    return {"action": (value,)} | ({"lamp": (1.0,)} if value > 100 else {})


_bright = FrameOracle(read=_read)


def test_agreement_is_counted_over_frames_in_which_either_shows_the_thing() -> None:
    real = [_film(1, 2, 200, 200), _film(3, 4, 5, 6)]
    made = [_film(1, 2, 201, 9), _film(3, 4, 5, 150)]
    shares = read_rightly(_bright, made, real)
    assert shares["action"].value == pytest.approx(5 / 8)
    assert shares["lamp"].value == pytest.approx(1 / 3)  # right, left out, lit for nothing
    itself = read_rightly(_bright, real, real)
    assert [share.value for share in itself.values()] == [1.0, 1.0]


def test_who_never_lights_the_lamp_is_never_right_about_it() -> None:
    real, made = [_film(200, 1, 1, 1)], [_film(1, 1, 1, 1)]
    assert read_rightly(_bright, made, real)["lamp"].value == 0.0


def test_what_is_off_by_no_more_than_the_slack_is_right() -> None:
    made, real = [_film(1, 2, 3, 4)], [_film(1, 3, 5, 1)]
    near = FrameOracle(read=_read, slack={"action": (2.0,)})
    assert read_rightly(near, made, real)["action"].value == pytest.approx(3 / 4)
    assert read_rightly(_bright, made, real)["action"].value == pytest.approx(1 / 4)


def test_a_thing_that_no_frame_shows_is_not_measured() -> None:
    assert list(read_rightly(_bright, [_film(150)], [_film(1)])) == ["action"]
    few = read_rightly(_bright, [_film(1), _film(200)], [_film(1), _film(200)])["lamp"]
    assert few.value == 1.0 and any(math.isnan(value) for value in few.drawn)
