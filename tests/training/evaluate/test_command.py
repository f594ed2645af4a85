"""`python -m training evaluate` says what is wrong with what it was given before it measures."""

from pathlib import Path

import pytest

from training.__main__ import main


def test_a_folder_without_a_world_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--world", str(tmp_path)]) == 1
    assert "world.json is missing" in capsys.readouterr().err
