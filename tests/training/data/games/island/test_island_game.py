"""The island as it is filmed: its rules in real time, its pictures, who plays it, who reads it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.games.island.oracle import TileOracle
from training.data.games.island.recorder import STEP_FRAMES, Clock, IslandRecorder
from training.data.games.island.rules import BUTTONS, MATERIALS, NEEDS, WALKABLE, Island
from training.data.games.island.tiles import FIGURES, GROUNDS, draw
from training.data.games.island.view import HEIGHT, MIDDLE, WIDTH, Glance, look, render
from training.data.recorder import HeldInput
from training.data.recording import Recording

RECORDER = IslandRecorder(
    action_space=ActionSpace(buttons=BUTTONS, one_at_a_time=True, tells_presses=True)
)
NUM_FRAMES = 300


@pytest.fixture(scope="module")
def film() -> Recording:
    return RECORDER.record(num_frames=NUM_FRAMES, seed=5)


@pytest.fixture(scope="module")
def oracle() -> TileOracle:
    return TileOracle()


@pytest.fixture
def island() -> Island:
    return Island(11)


def put_before(island: Island, material: str) -> None:
    """Makes what the player faces of `material`, and nobody stand on it."""
    (x, y), (dx, dy) = island.player.pos, island.player.facing
    island.materials[x + dx, y + dy] = MATERIALS.index(material)


def test_the_same_seed_is_the_same_film(film: Recording) -> None:
    assert RECORDER.record(num_frames=NUM_FRAMES, seed=5).digest() == film.digest()
    assert RECORDER.record(num_frames=NUM_FRAMES, seed=6).digest() != film.digest()


def test_a_film_with_another_end_begins_alike(film: Recording) -> None:
    left = RECORDER.record(num_frames=100, seed=5, then=[HeldInput(frozenset({"left"}))] * 4)
    assert np.array_equal(left.frames[:100], film.frames[:100])
    assert left.actions[-4:, 0].tolist() == [1.0] * 4 and len(left.frames) == 104


def test_a_film_has_no_cut_and_one_button_a_frame(film: Recording) -> None:
    assert film.frames.shape == (NUM_FRAMES, HEIGHT, WIDTH, 3)
    assert film.cuts.tolist() == [True] + [False] * (NUM_FRAMES - 1)
    assert film.actions[:, : len(BUTTONS)].sum(axis=1).max() == 1.0
    down, pressed = film.actions[:, : len(BUTTONS)], film.actions[:, -1]
    is_new = (down[1:] != down[:-1]).any(axis=1) & down[1:].any(axis=1)
    assert np.array_equal(pressed[1:] > 0, is_new)
    assert np.ptp(film.poses[:, :2], axis=0).max() >= 3, "the settler walks about"


def test_a_press_is_answered_at_once_and_a_held_key_every_third_frame() -> None:
    clock = Clock()
    keys = ["left"] * 7 + [None, "left", "do", None, None, None]
    ticks = [clock.ticks(key) for key in keys]
    held = [True, False, False] * 2 + [True]
    assert ticks == [*held, False, True, True, False, False, True]
    assert STEP_FRAMES == 3


def test_the_oracle_reads_what_was_drawn(oracle: TileOracle) -> None:
    rng = np.random.default_rng(0)
    glances = [_any_glance(rng) for _ in range(40)]
    readings = oracle.read(np.stack([render(glance, draw()) for glance in glances]))
    for name in ("ground_RC", "figure_RC", "counts_I", "light", "clock", "beat"):
        truth = np.stack([getattr(glance, name) for glance in glances])
        shown = getattr(readings, {"ground_RC": "ground_NRC", "figure_RC": "figure_NRC"}.get(
            name, "counts_NI" if name == "counts_I" else f"{name}_N"))  # fmt: skip
        assert np.array_equal(shown, truth), name
    assert readings.misses_NRC.max() == 0.0


def test_the_oracle_says_where_there_is_no_tile(oracle: TileOracle, film: Recording) -> None:
    spoilt = film.frames[:1].copy()
    spoilt[0, :16, :16] = np.random.default_rng(0).integers(0, 255, (16, 16, 3))
    valid = oracle.read(spoilt).valid_NRC[0]
    assert not valid[0, 0] and valid.sum() == valid.size - 1


def test_every_style_is_a_tile_set_of_its_own() -> None:
    sets = [draw(style).map_LGFSS3 for style in range(3)]
    assert not any(np.array_equal(sets[a], sets[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    with pytest.raises(IndexError):
        draw(3)


def test_every_tile_differs_from_every_other() -> None:
    tiles = draw()
    for lit in tiles.map_LGFSS3:
        seen = {tile.tobytes() for tile in lit[:, 0]}
        assert len(seen) == len(GROUNDS)
        assert len({tile.tobytes() for tile in lit[0]}) == len(FIGURES)


def test_wood_is_taken_from_a_tree_and_the_tree_is_gone(island: Island) -> None:
    put_before(island, "tree")
    wood = island.player.inventory["wood"]
    island.step_with("do")
    assert island.player.inventory["wood"] == wood + 1
    assert island.ahead()[0] == "grass"


def test_the_player_sees_itself_in_the_middle_and_turns(island: Island, oracle: TileOracle) -> None:
    for button in ("left", "right", "up", "down"):
        island.step_with(button)
        frame = render(look(island, 0), draw())
        assert oracle.read(frame[None]).player_N == [button]
    assert look(island, 2).beat == 2


def test_needs_run_down_slower_than_in_crafter(island: Island) -> None:
    for _ in range(27):
        island.step_with(None)
    assert island.player.inventory["food"] == 9
    for _ in range(27 * (NEEDS - 1)):
        island.step_with(None)
    assert island.player.inventory["food"] == 8


def test_the_land_ends_in_the_sea(island: Island) -> None:
    sea = MATERIALS.index("water")
    for edge in (island.materials[:2], island.materials[-2:], island.materials[:, :2]):
        assert (edge == sea).all()
    assert (island.materials != sea).sum() > 1000
    assert island.at(*island.player.pos)[0] in WALKABLE


def test_who_dies_lies_in_the_dark_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Island.step_with
    at = 40

    def die(island: Island, button: str | None) -> None:
        play(island, button)
        if island.steps == at:
            island.player.health = 0

    monkeypatch.setattr(Island, "step_with", die)
    frames = RECORDER.record(num_frames=3 * at + 60, seed=5).frames
    readings = TileOracle().read(frames)
    dead = np.flatnonzero(readings.count("health") == 0)
    assert len(dead) and readings.player_N[dead[-1]] == "sleep"
    assert readings.count("health")[dead[-1] + 1] >= 5


def _any_glance(rng: np.random.Generator) -> Glance:
    ground_RC = rng.integers(len(GROUNDS), size=(5, 9))
    figure_RC = np.where(
        np.isin(ground_RC, [GROUNDS.index(name) for name in WALKABLE]),
        rng.integers(len(FIGURES) - 2, size=(5, 9)),
        0,
    )
    ground_RC[MIDDLE], figure_RC[MIDDLE] = 0, FIGURES.index("player_down")
    clock = int(rng.integers(4))
    return Glance(
        ground_RC=ground_RC, figure_RC=figure_RC, counts_I=_counts(rng), light=clock, clock=clock,
        beat=int(rng.integers(3)),
    )  # fmt: skip


def _counts(rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.integers(10, size=16)


def test_a_style_is_the_recorders_to_choose(film: Recording) -> None:
    frost = replace(RECORDER, style=2).record(num_frames=2, seed=5)
    assert not np.array_equal(frost.frames, film.frames[:2])
