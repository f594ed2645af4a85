"""Unix sockets have short addresses for any TMPDIR."""

import socket
import tempfile
from pathlib import Path

import pytest

from services import socket_folder
from services.socket_folder import NoShortFolder, make_socket_folder

ROOM_BYTES = 60


def opens_a_socket(folder: Path, room_bytes: int) -> bool:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / ("s" * (room_bytes - 1))))
    return True


@pytest.fixture
def long_tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / ("scratch-of-a-user-with-a-long-name-" * 3)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_short_tmpdir_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        folder = make_socket_folder(ROOM_BYTES)
        assert folder.parent == Path(short)
        assert opens_a_socket(folder, ROOM_BYTES)


def test_another_folder_is_taken_where_tmpdir_is_too_long(long_tmpdir: Path) -> None:
    folder = make_socket_folder(ROOM_BYTES)
    try:
        assert folder.parent != long_tmpdir
        assert folder.stat().st_mode & 0o777 == 0o700
        assert opens_a_socket(folder, ROOM_BYTES)
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_where_none_will_do_the_message_says_what_to_set(
    long_tmpdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_folder, "FALLBACKS", ())
    with pytest.raises(NoShortFolder, match=r"set TMPDIR to one .* with at most 35 characters"):
        make_socket_folder(ROOM_BYTES)
