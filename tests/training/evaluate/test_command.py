"""`python -m training evaluate` says what is wrong with what it was given before it measures."""

from pathlib import Path

import pytest

from training.__main__ import main


def test_a_folder_without_a_world_and_a_file_without_weights_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--world", str(tmp_path)]) == 1
    assert "world.json is missing" in capsys.readouterr().err
    (tmp_path / "i3d.pt").write_bytes(b"nothing of the kind")
    assert main(["evaluate", "--fvd", str(tmp_path / "i3d.pt")]) == 1
    assert "i3d.pt is no TorchScript" in capsys.readouterr().err
    assert main(["evaluate", "--lpips", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "No such file" in capsys.readouterr().err
