"""The examples work. `tests/e2e/test_journey.py` runs the headless player."""

from pathlib import Path

import cv2
import pytest

from examples import step_a_world


def test_a_world_is_stepped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(step_a_world, "PATH", tmp_path / "film.png")
    step_a_world.main()
    assert "(112, 144, 3)" in capsys.readouterr().out
    film = cv2.imread(str(tmp_path / "film.png"))
    assert film is not None and film.std() > 20
