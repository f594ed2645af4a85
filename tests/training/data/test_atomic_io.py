"""A file replaced is there whole, on disk, and the one before stays until then."""

import os
from pathlib import Path

import pytest

from training.data.atomic_io import DamagedFile, reading, replacing


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as building:
        building.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["state"]


def test_the_content_is_on_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut in between would leave: no name without its content."""
    done: list[int | str] = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(os.fstat(descriptor).st_ino))

    def move(source: Path, target: Path) -> None:
        done.append("moved")
        replace(source, target)

    monkeypatch.setattr(os, "replace", move)
    with replacing(tmp_path / "state") as building:
        building.write_text("new")
    content, folder = (tmp_path / "state").stat().st_ino, tmp_path.stat().st_ino
    assert done == [content, "moved", folder]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    what = r"shard is damaged \(ValueError: .*\); remove it"
    with pytest.raises(DamagedFile, match=what), reading(path, "remove it"):
        int("x")
    with pytest.raises(FileNotFoundError), reading(path, "remove it"):
        path.read_bytes()
