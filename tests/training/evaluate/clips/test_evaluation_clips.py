"""Passages move: the hands do something, and the player gets somewhere by it. They ask for every
key often enough to score it, where the play does."""

from dataclasses import replace

import numpy as np
import pytest

from training.data.games.toy import ACTION_SPACE as SPACE
from training.data.recording import Recording, TooLittlePlay
from training.evaluate.clips.clip_selection import LEAST_ASKED, select_clips
from training.evaluate.clips.evaluation_clips import FRAME, NUM_FRAMES
from training.evaluate.inverse_dynamics.following import event_names, events
from training.evaluate.inverse_dynamics.output import Actions

FRAMES = 60
CONTEXT = 4
RARE = 3  # the button "right"


def _film(*, is_pressed: bool, step: float = 0.0, turn_deg: float = 0.0) -> Recording:
    index = np.arange(1, FRAMES + 1, dtype=np.float32)
    poses = np.stack((100 + step * index, 0 * index, (350 + turn_deg * index) % 360), axis=1)
    return Recording(
        frames=np.zeros((FRAMES, 8, 8, 3), np.uint8),
        actions=np.full((FRAMES, SPACE.size), is_pressed, np.float32),
        poses=poses,
        cuts=np.arange(FRAMES) == 0,
    )


def _num_found(film: Recording) -> int:
    try:
        return len(select_clips([film], SPACE, count=3, context_frames=CONTEXT))
    except TooLittlePlay:
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


def _long_walk(num_frames: int) -> Recording:
    """Always forward; to the right for a moment now and then, and once to the left."""
    index = np.arange(num_frames, dtype=np.float32)
    actions = np.zeros((num_frames, SPACE.size), np.float32)
    actions[:, 0] = 1
    actions[:, RARE] = index % 100 >= 92
    actions[200:206, 2] = 1
    return Recording(
        frames=np.zeros((num_frames, 8, 8, 3), np.uint8),
        actions=actions,
        poses=np.stack((index, index, 0 * index), axis=1),
        cuts=index == 0,
    )


def test_what_is_rarely_pressed_is_asked_for_often_enough_and_of_all_that_there_is() -> None:
    film = _long_walk(1_200)
    clips = select_clips([film], SPACE, count=8, context_frames=CONTEXT)
    asked = Actions.of(SPACE, np.concatenate([p.following.actions[:FRAME] for p in clips]))
    counts = dict(zip(event_names(SPACE), events(SPACE, asked).sum(axis=0), strict=True))
    assert len(clips) == 8
    assert counts["right"] >= LEAST_ASKED
    assert counts["left"] == 6 and counts["act"] == 0


def test_no_frame_is_dreamt_twice_and_the_choice_never_changes() -> None:
    film = _long_walk(400)
    once, again = (select_clips([film], SPACE, count=99, context_frames=CONTEXT) for _ in range(2))
    begins = [int(clip.following.poses[0, 0]) for clip in once]
    assert begins == [int(clip.following.poses[0, 0]) for clip in again] == sorted(begins)
    assert min(np.diff(begins)) >= NUM_FRAMES
    assert len(begins) > 400 // NUM_FRAMES // 2
