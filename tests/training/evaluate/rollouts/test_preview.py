"""The README's moving picture: all players of one batch, side by side, with their keys."""

from pathlib import Path

import numpy as np
import pytest

from tests.model.conftest import make_world
from training.data.pictures import write_webp
from training.evaluate.rollouts.preview import PLAYERS, preview


def test_every_player_is_in_the_picture_and_it_moves() -> None:
    world = make_world("consistency")
    frames = preview(world, num_frames=3)
    height, width, _ = frames[0].shape
    assert width == 2 * world.spec.width * len(PLAYERS)
    assert height > 2 * world.spec.height  # the keys are below
    assert len(frames) == 3
    assert any((frames[0] != frame).any() for frame in frames[1:])


def test_a_moving_picture_comes_back_as_long_as_it_was(tmp_path: Path) -> None:
    frames = [np.full((16, 16, 3), value, np.uint8) for value in (0, 128, 255)]
    write_webp(tmp_path / "play.webp", frames, fps=17.5)
    content = (tmp_path / "play.webp").read_bytes()
    assert content.count(b"ANMF") == len(frames)


def test_a_picture_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "play.webp").mkdir()
    with pytest.raises(OSError, match=r"could not write .*play\.webp"):
        write_webp(tmp_path / "play.webp", [np.zeros((16, 16, 3), np.uint8)] * 2, fps=10)
