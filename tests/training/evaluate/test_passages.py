"""Passages that count as moving: the hands do something, and the player gets somewhere by it."""

from dataclasses import replace

import numpy as np
import pytest

from training.data.recording import Recording
from training.evaluate.passages import choose_passages

FRAMES = 40


def _film(*, is_pressed: bool, step: float = 0.0, turn_deg: float = 0.0) -> Recording:
    index = np.arange(1, FRAMES + 1, dtype=np.float32)
    poses = np.stack((100 + step * index, 0 * index, (350 + turn_deg * index) % 360), axis=1)
    return Recording(
        frames=np.zeros((FRAMES, 8, 8, 3), np.uint8),
        actions=np.full((FRAMES, 2), is_pressed, np.float32),
        poses=poses,
        cuts=np.arange(FRAMES) == 0,
    )


def _num_found(film: Recording) -> int:
    try:
        return len(
            choose_passages([film], count=3, context_frames=4, num_frames=16, is_moving=True)
        )
    except ValueError:
        return 0


@pytest.mark.parametrize(
    ("film", "num_found"),
    [
        (_film(is_pressed=True, step=2.0), 3),
        (_film(is_pressed=True, turn_deg=2.0), 3),  # through north, too
        (_film(is_pressed=True), 0),  # fires, or stands against a wall
        (_film(is_pressed=False, step=2.0), 0),  # is carried along
    ],
)
def test_moving_takes_hands_and_feet(film: Recording, num_found: int) -> None:
    assert _num_found(film) == num_found


def test_where_no_pose_was_recorded_the_hands_alone_count() -> None:
    film = _film(is_pressed=True)
    assert _num_found(replace(film, poses=np.zeros_like(film.poses))) == 3
