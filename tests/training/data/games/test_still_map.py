"""A map made still: what it says of its walls is what the game does with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.place.state import StateModel
from training.data.games.doom_map import DoomMap
from training.data.games.errands import Errands
from training.data.games.floor_of import floor_of
from training.data.games.recorder import DoomRecorder
from training.data.recording import Recording
from training.data.states import states_of
from training.recipes.freedoom_hall import freedoom_hall


@pytest.fixture(scope="module")
def recorder() -> DoomRecorder:
    recorder = freedoom_hall().recorder
    assert isinstance(recorder, DoomRecorder)
    return recorder


@pytest.fixture(scope="module")
def still(recorder: DoomRecorder) -> DoomMap:
    still = recorder.still_map()
    assert still is not None
    return still


@pytest.fixture(scope="module")
def model(recorder: DoomRecorder) -> StateModel:
    return recorder.state_model()


@pytest.fixture(scope="module")
def played(recorder: DoomRecorder) -> Recording:
    return replace(recorder, scatter_frames=60).record(num_frames=300, seed=2)


def test_nothing_in_a_still_map_moves(still: DoomMap) -> None:
    assert not still.lines["special"].any() and not still.sectors["special"].any()
    assert still.sectors["ceiling"][4] - still.sectors["floor"][4] >= 56  # the open door


def test_an_unknown_map_is_named(recorder: DoomRecorder) -> None:
    with pytest.raises(ValueError, match="has no map E9M9"):
        DoomMap.read(recorder.wad_path, "e9m9")


def test_a_map_is_written_as_it_was_read(still: DoomMap, tmp_path: Path) -> None:
    still.write(tmp_path / "still.wad")
    again = DoomMap.read(tmp_path / "still.wad", "e1m7")
    assert again.lumps == still.lumps


def test_the_place_is_as_large_as_the_bar_wants(still: DoomMap) -> None:
    floor = floor_of(still)
    east, north = floor.middles().max(axis=0)
    west, south = floor.middles().min(axis=0)
    assert east - west > 960 and north - south > 960  # and a body's width on every side
    assert floor.is_free(0.0, 60.0) and floor.is_free(0.0, 120.0)  # both sides of the door


@pytest.mark.slow
def test_the_game_walks_where_the_floor_is_free(model: StateModel, played: Recording) -> None:
    blocked = [model.walls.blocks(float(x), float(y)) for x, y, _ in played.poses]
    assert not any(blocked)
    free = [model.floor.is_free(float(x), float(y)) for x, y, _ in played.poses]
    assert np.mean(free) > 0.95  # cells at a wall have their middle in it


@pytest.mark.slow
def test_the_state_model_foresees_the_game(model: StateModel, played: Recording) -> None:
    """Nearly always to a hundredth of a unit; turns always exactly."""
    states, errors, turns = states_of(played, model), [], []
    for frame in range(1, len(states)):
        if not played.cuts[frame]:
            before, action = tuple(states[frame - 1].tolist()), played.actions[frame].tolist()
            x, y, heading, *_ = model.advance(before, action)
            errors.append(np.hypot(x - played.poses[frame, 0], y - played.poses[frame, 1]))
            turns.append(abs((heading - played.poses[frame, 2] + 180) % 360 - 180))
    assert max(turns) < 1e-3
    assert np.mean(np.array(errors) < 0.1) > 0.8 and np.mean(np.array(errors) < 1.0) > 0.95


@pytest.mark.slow
def test_looks_are_scattered_over_the_floor(played: Recording) -> None:
    firsts = played.poses[played.cuts]
    assert len(firsts) >= 4 and np.ptp(firsts[:, :2], axis=0).min() > 100


def test_errands_lead_round_corners_and_through_the_door(still: DoomMap) -> None:
    floor = floor_of(still)
    errands = Errands(floor, np.random.default_rng(0))
    x, y, doors = 0.0, -150.0, 0
    for _ in range(1500):
        was_south = y < 76
        heading = np.radians(errands.heading(x, y))
        x, y = x + 10 * np.cos(heading), y + 10 * np.sin(heading)
        doors += was_south != (y < 76)
        assert floor.room(x, y) > -16
    assert doors >= 2
