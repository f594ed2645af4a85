"""`python -m training evaluate` says what is wrong with what it was given before it measures."""

from pathlib import Path

import pytest

from tests.model.conftest import make_world
from training.__main__ import main
from training.commands.evaluate import SHIPPED_WORLD


def test_a_folder_without_a_world_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--world", str(tmp_path)]) == 1
    assert "world.json is missing" in capsys.readouterr().err


def test_a_world_of_another_recipe_is_refused_before_anything_is_prepared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_world("consistency").save(tmp_path / "tiny", card="")
    given = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "eval.json")]
    assert main(["evaluate", "--world", str(tmp_path / "tiny"), *given]) == 1
    assert "the freedoom recipe films 128x80; name its own with" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_number_of_steps_that_the_world_has_not_is_refused_likewise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--world", str(SHIPPED_WORLD), "--run", str(tmp_path / "run")]
    assert main(["evaluate", "--steps", "7", *given]) == 1
    assert "denoise steps, not in 7" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_memory_that_is_not_shorter_is_refused_likewise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--world", str(SHIPPED_WORLD), "--run", str(tmp_path / "run")]
    for memory in ("1", "23"):
        assert main(["evaluate", "--memory", memory, *given]) == 1
        assert "a memory of 2 to 22 frames expected" in capsys.readouterr().err
    registry = ["--registry", str(tmp_path / "registry")]
    assert main(["evaluate", "--memory", "7", *given, *registry]) == 1
    assert "not kept as the version's figures" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_version_that_the_registry_lacks_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_world("consistency").save(tmp_path / "world", card="a card")
    given = ["--world", str(tmp_path / "world"), "--registry", str(tmp_path / "registry")]
    assert main(["evaluate", *given]) == 1
    assert "world 'tiny' has no version" in capsys.readouterr().err
