"""What is said of a dream on the island: all right for real play, wrong where it is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.games.island.oracle import Readings, TileOracle
from training.data.games.island.recorder import IslandRecorder
from training.data.games.island.rules import BUTTONS, MATERIALS, Island
from training.data.games.island.tiles import draw
from training.data.games.island.view import look, render
from training.data.recording import Recording
from training.evaluate.tiles.measures import closed_loop, kept_tiles, obeyed, scrolls, share
from training.evaluate.tiles.moments import GATHER_FRAMES, LOOP_FRAMES, Moments

SPACE = ActionSpace(buttons=BUTTONS, one_at_a_time=True, tells_presses=True)
CONTEXT, NUM_FRAMES = 12, 16


@pytest.fixture(scope="module")
def oracle() -> TileOracle:
    return TileOracle()


@pytest.fixture(scope="module")
def film() -> Recording:
    return IslandRecorder(action_space=SPACE).record(num_frames=160, seed=5)


@pytest.fixture(scope="module")
def seen(oracle: TileOracle, film: Recording) -> Readings:
    return oracle.read(film.frames)


def part(seen: Readings, first: int, last: int) -> Readings:
    return Readings(**{name: getattr(seen, name)[first:last] for name in Readings.__slots__})


def walks(film: Recording) -> list[int]:
    """Where passages with a walk begin."""
    far = np.abs(film.poses[NUM_FRAMES:, :2] - film.poses[:-NUM_FRAMES, :2]).sum(axis=1)
    begins = [int(i) + 1 for i in np.flatnonzero((far >= 2) & (far <= 3))]
    assert begins, "the film must hold a walk"
    return begins


def test_real_play_is_right_in_every_way(film: Recording, seen: Readings) -> None:
    first = walks(film)[0]
    before, real = part(seen, first - 1, first), part(seen, first, first + NUM_FRAMES)
    moved = film.poses[first + NUM_FRAMES - 1, :2] - film.poses[first - 1, :2]
    right, asked = kept_tiles(before, real, real, moved, NUM_FRAMES - 1)
    assert right == asked > 0
    keys = film.actions[first : first + NUM_FRAMES].max(axis=1) > 0
    right, asked = obeyed(before, real, real, keys)
    assert right == asked == keys.sum()


def test_a_dream_that_stands_still_disobeys_and_shows_wrong_tiles(
    film: Recording, seen: Readings
) -> None:
    kept, followed = [], []
    for first in walks(film):
        before, real = part(seen, first - 1, first), part(seen, first, first + NUM_FRAMES)
        still = Readings(
            **{name: np.repeat(getattr(before, name), NUM_FRAMES, 0) for name in Readings.__slots__}
        )
        moved = film.poses[first + NUM_FRAMES - 1, :2] - film.poses[first - 1, :2]
        kept.append(kept_tiles(before, real, still, moved, NUM_FRAMES - 1))
        keys = film.actions[first : first + NUM_FRAMES].max(axis=1) > 0
        followed.append(obeyed(before, real, still, keys))
    assert share(kept) < 0.95 and share(followed) < 0.7


def test_the_land_moves_as_the_player_walks(film: Recording, seen: Readings) -> None:
    steps = np.diff(film.poses[:, :2], axis=0)
    read = scrolls(part(seen, 0, 1), part(seen, 1, len(film.frames)))
    differs = (seen.ground_NRC[1:] != seen.ground_NRC[:-1]).any(axis=(1, 2))  # no even meadow
    walked = (np.abs(steps).sum(axis=1) > 0) & differs
    assert walked.sum() > 10
    assert (read[walked] == steps[walked]).all(axis=1).mean() > 0.8


def test_a_loop_is_closed_where_the_last_picture_is_the_first(seen: Readings) -> None:
    here = part(seen, 0, 1)
    assert closed_loop(here, here) == 1.0
    elsewhere = replace(here, ground_NRC=(here.ground_NRC + 1) % 3)
    assert closed_loop(here, elsewhere) < 0.5


def facing(material: str) -> Recording:
    """A still film of a player that looks right at `material`, on a meadow."""
    island = Island(3)
    x, y = (int(at) for at in island.player.pos)
    island.materials[x - 4 : x + 5, y - 2 : y + 3] = MATERIALS.index("grass")
    island.step_with("right")
    x, y = (int(at) for at in island.player.pos)
    island.materials[x + 1, y] = MATERIALS.index(material)
    frame: NDArray[np.uint8] = render(look(island, 0), draw())
    return Recording(
        frames=np.repeat(frame[None], CONTEXT + 1, axis=0),
        actions=np.zeros((CONTEXT + 1, SPACE.size), np.float32),
        poses=np.zeros((CONTEXT + 1, 3), np.float32),
        cuts=np.arange(CONTEXT + 1) == 0,
    )


def test_moments_are_found_by_what_is_seen(oracle: TileOracle) -> None:
    def moments(material: str) -> Moments:
        return Moments(recordings=[facing(material)], oracle=oracle, space=SPACE, context=CONTEXT)

    request = moments("tree").gathering(1)[0]
    assert request.actions_TA.sum(axis=0)[BUTTONS.index("do")] == GATHER_FRAMES
    with pytest.raises(ValueError, match="held-out play has 0"):
        moments("grass").gathering(1)
    loop = moments("tree").loops(1)[0].actions_TA
    assert len(loop) == LOOP_FRAMES <= 12
    assert np.array_equal(np.unique(loop[:, :-1].sum(axis=0)), [0.0, LOOP_FRAMES / 2])
    assert np.flatnonzero(loop[:, -1]).tolist() == [0, LOOP_FRAMES // 2]
