"""The recorder on the real game: repeatable, inside its box, and the keys do what they say."""

import numpy as np
import pytest

from training.data.games.probes import plans
from training.data.games.recorder import DoomRecorder
from training.data.recorder import HeldInput
from training.recipes.freedoom import freedoom

RECIPE = freedoom()
FRAMES = 30


def _game() -> DoomRecorder:
    assert isinstance(RECIPE.recorder, DoomRecorder)
    return RECIPE.recorder


@pytest.mark.slow
def test_a_film_with_another_end_begins_with_the_very_same_frames() -> None:
    record = _game().record
    turn = plans(RECIPE.action_space.key_turn_deg)["right"]
    natural = record(num_frames=FRAMES + 6, seed=5)
    turning = record(num_frames=FRAMES, seed=5, then=[turn] * 6)
    assert np.array_equal(natural.frames[:FRAMES], turning.frames[:FRAMES])
    assert np.array_equal(natural.poses[:FRAMES], turning.poses[:FRAMES])

    turned = np.diff(np.unwrap(turning.poses[-7:, 2], period=360))
    assert turned == pytest.approx([6.0] * 6, abs=0.05)  # degrees, to the right
    assert turning.actions[-6:, -1] == pytest.approx([6 / 15] * 6)


@pytest.mark.slow
def test_forward_goes_where_one_looks_and_stays_in_the_box() -> None:
    still, forward = [HeldInput()] * 12, [HeldInput(frozenset({"forward"}))] * 6
    film = _game().record(num_frames=1, seed=9, then=still + forward)
    east, north = film.poses[-1, :2] - film.poses[12, :2]
    yaw = np.radians(film.poses[-1, 2])  # clockwise from east
    assert east * np.cos(yaw) - north * np.sin(yaw) > 30
    assert abs(east * np.sin(yaw) + north * np.cos(yaw)) < 1
    assert film.frames.shape == (19, 80, 128, 3)
    assert not film.actions[0].any()
    assert list(np.flatnonzero(film.cuts)) == [0]
