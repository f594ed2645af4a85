"""The toy world's oracle reads back from pixels what the rules say, at any length."""

from dataclasses import replace

import numpy as np
import pytest

from training.data.games.frame_oracle import FrameOracle
from training.data.games.toy import (
    ACTION_SPACE,
    HEADINGS,
    LAMP_DELAY,
    SLACK,
    ToyRecorder,
    ToyState,
    advance,
    read,
    render,
    show,
)
from training.data.recorder import HeldInput


def test_the_oracle_reads_pose_action_and_lamp_of_every_frame() -> None:
    film = ToyRecorder().record(num_frames=400, seed=3)
    state = None
    for frame, action in zip(film.frames, film.actions, strict=True):
        seen = read(frame)
        assert seen.action == pytest.approx(tuple(action))
        if state is not None:
            state = advance(state, tuple(action))
            assert (seen.row, seen.column) == (state.row, state.column)
            assert seen.heading == state.heading
            assert seen.lamp == state.lamp
        else:
            state = ToyState(row=seen.row, column=seen.column, heading=seen.heading)


def test_a_card_asks_for_the_action_the_pose_and_a_lamp_that_is_lit() -> None:
    state, action = ToyState(row=9, column=20, heading=33), ACTION_SPACE.vector_of({"act"}, 0.0)
    dark = show(render(state, action))
    assert dark["action"] == action
    assert dark["pose"][:2] == (9, 20)
    lit = replace(state, acts=(False,) * LAMP_DELAY + (True,))
    assert show(render(lit, action)) == dark | {"lamp": (1.0,)}


@pytest.mark.parametrize("heading", [0, 9, 33, HEADINGS - 1])
def test_a_pose_is_right_within_one_walk_and_half_a_turn(heading: int) -> None:
    action = ACTION_SPACE.vector_of(set(), 0.0)
    oracle = FrameOracle(read=show, slack=SLACK)
    here = ToyState(row=9, column=20, heading=heading)

    def is_right(state: ToyState) -> bool:
        shown, real = (show(render(pose, action))["pose"] for pose in (state, here))
        return oracle.is_right("pose", shown, real)

    assert is_right(replace(here, row=11, column=18, heading=(heading + 1) % HEADINGS))
    assert not is_right(replace(here, row=12))
    assert not is_right(replace(here, heading=(heading + 2) % HEADINGS))


def test_an_act_shows_only_three_frames_later() -> None:
    then = [HeldInput()] * 5 + [HeldInput(frozenset({"act"}))] + [HeldInput()] * 6
    film = ToyRecorder().record(num_frames=1, seed=0, then=then)
    lit = [i for i, frame in enumerate(film.frames) if read(frame).lamp]
    assert lit == [6 + LAMP_DELAY]  # the act led to frame 6


def test_the_oracle_survives_noise() -> None:
    action = ACTION_SPACE.vector_of({"forward"}, -11.25)
    state = ToyState(row=9, column=20, heading=33)
    noise = np.random.default_rng(0).normal(0, 12, (32, 32, 3))
    frame = np.clip(render(state, action) + noise, 0, 255).astype(np.uint8)
    seen = read(frame)
    assert (seen.row, seen.column, seen.heading) == (9, 20, 33)
    assert seen.action == action


def test_films_depend_on_the_seed_only() -> None:
    first, again = (ToyRecorder().record(num_frames=50, seed=4) for _ in range(2))
    other = ToyRecorder().record(num_frames=50, seed=5)
    assert np.array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, other.frames)
