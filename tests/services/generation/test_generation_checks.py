"""What is wrong around a replica is said before Ray starts, in one sentence."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from services.environment import SettingsError, read_settings
from services.generation import checks, world_check
from services.generation.checks import CannotStart, check_surroundings
from services.generation.settings import PREFIX, GenerationSettings
from services.generation.video import h264_level
from tests.model.conftest import make_world

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "tiny"
    make_world("consistency").save(folder, card="random")
    return folder


def settings(redis_url: str, *worlds: Path, port: int = 0) -> GenerationSettings:
    return GenerationSettings(redis_url=redis_url, worlds=worlds, ops_port=port)


def test_a_flipped_byte_is_refused_with_the_file_and_the_reason(
    redis_url: str, world: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in world.iterdir():
        content = bytearray(file.read_bytes())
        if file.name == "nfd.safetensors":
            content[-1] ^= 1
        (damaged / file.name).write_bytes(content)
    with pytest.raises(CannotStart, match=r"nfd\.safetensors: sha256 differs.*_WORLD names"):
        check_surroundings(settings(redis_url, damaged))


def test_a_missing_world_is_said_by_name(redis_url: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"no world at .*nowhere"):
        check_surroundings(settings(redis_url, tmp_path / "nowhere"))


def test_a_processor_without_int8_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, world: Path
) -> None:
    monkeypatch.setattr(world_check, "why_not_int8", lambda: "the processor is old")
    for precision in ("fp32", "auto"):
        monkeypatch.setattr(sys, "argv", ["world_check", precision, "0", str(world)])
        world_check.main()
    monkeypatch.setattr(sys, "argv", ["world_check", "int8", "0", str(world)])
    with pytest.raises(SystemExit, match="_PRECISION is int8, but the processor is old"):
        world_check.main()


def test_a_picture_above_the_level_that_browsers_decode_is_refused(
    redis_url: str, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h264_level, "_MAX_FRAME_MACROBLOCKS", 12)
    monkeypatch.setattr(sys, "argv", ["world_check", "fp32", "8", str(world)])
    with pytest.raises(SystemExit, match=r"_UPSCALE=8 .* set at most"):
        world_check.main()


def test_an_occupied_port_is_said_by_number(
    redis_url: str, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "PORT_PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"_OPS_PORT: port {port} on .* is in use"):
            check_surroundings(settings(redis_url, world, port=port))


def test_a_port_that_a_killed_service_is_about_to_leave_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        leaving = threading.Timer(0.5, taken.close)
        leaving.start()
        checks._check_port("127.0.0.1", port)
        leaving.join()


def test_no_redis_is_said(world: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="NEXTFRAME_REDIS_URL"):
        check_surroundings(settings(f"unix://{tmp_path}/none.sock", world))


@pytest.mark.parametrize(
    "wrong",
    [
        {"NEXTFRAME_GENERATION_SLOT": "2"},
        {"NEXTFRAME_GENERATION_SLOTS": "-1"},
        {"NEXTFRAME_GENERATION_MIN_SLOTS": "17"},
        {"NEXTFRAME_GENERATION_SLOTS": "many"},
        {"NEXTFRAME_GENERATION_ENCODER": "vp8"},
        {"NEXTFRAME_GENERATION_PRECISION": "int4"},
        {"NEXTFRAME_GENERATION_PRECISION": "int8", "NEXTFRAME_GENERATION_DEVICE": "cuda"},
    ],
)
def test_a_wrong_setting_is_said_by_name(wrong: dict[str, str]) -> None:
    environ = {"NEXTFRAME_REDIS_URL": "redis://somewhere"} | wrong
    with pytest.raises(SettingsError, match="NEXTFRAME_GENERATION_"):
        read_settings(GenerationSettings, PREFIX, environ)


def test_the_environment_sets_everything_there_is() -> None:
    environ = {"NEXTFRAME_REDIS_URL": "redis://somewhere", "NEXTFRAME_GENERATION_THREADS": "3"}
    read = read_settings(GenerationSettings, PREFIX, environ)
    assert read.num_threads == 3
    assert [folder.name for folder in read.worlds] == ["worlds"]
    assert "somewhere" not in repr(read)
