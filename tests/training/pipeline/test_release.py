"""A release replaces the one before whole: bundle, figures, pictures and teacher, or nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.world import World
from tests.model.conftest import make_world
from training.evaluate.rollouts.teacher import teacher_of
from training.pipeline import release as releasing
from training.recipes.debug import debug
from training.run import Run


@dataclass(frozen=True)
class Measured:
    """What measuring a world comes to."""

    contact_sheet: Any
    steering: Any = None

    def page(self, *, title: str, licence: str) -> str:
        return "a card"

    def figures(self, digest: str | None = None) -> str:
        return digest or ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a student of the tiny world is released; nothing is trained or measured."""
    measured = Measured(np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr(releasing, "build_world", lambda *_: make_world("consistency"))
    monkeypatch.setattr(releasing, "measure", lambda *_, **__: measured)
    return tmp_path / "world"


def release(folder: Path) -> World:
    return releasing.release(debug(), Run(folder.parent), folder, "student")


def test_figures_and_teacher_are_those_of_the_bundle_beside_them(folder: Path) -> None:
    world = release(folder)
    assert (folder / "card.json").read_text() == world.digest == World.load(folder).digest
    assert teacher_of(world, folder) is not None
    assert (folder / "contact_sheet.png").exists()


def test_a_disk_that_fills_up_at_the_last_file_leaves_the_release_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def is_full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Measured, "figures", is_full)
    with pytest.raises(OSError, match="No space left"):
        release(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
