"""Several worlds in one service: which, under which names, and on which ports."""

import socket
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from services.environment import SettingsError, read_settings
from services.generation.deployment import _named
from services.generation.sessions.drain import drain
from services.generation.settings import PREFIX, SHIPPED_WORLDS, GenerationSettings
from services.generation.startup import _listen_to_operators
from services.generation.worlds_served import find_worlds, ops_ports


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "world.json").write_text("{}")
    return folder


def settings(*worlds: Path, port: int = 8082) -> GenerationSettings:
    return GenerationSettings(redis_url="redis://r", worlds=worlds, ops_port=port)


def test_a_folder_of_worlds_stands_for_all_of_them(tmp_path: Path) -> None:
    one, two = make(tmp_path / "all" / "one"), make(tmp_path / "all" / "two")
    third = make(tmp_path / "third")
    (tmp_path / "all" / "notes").mkdir()
    assert find_worlds([third, tmp_path / "all", one]) == (third, one, two)
    assert find_worlds([tmp_path / "nowhere"]) == (tmp_path / "nowhere",)  # said by who loads it


def test_by_default_every_shipped_world_is_served() -> None:
    names = {folder.name for folder in SHIPPED_WORLDS.iterdir() if folder.is_dir()}
    served = read_settings(GenerationSettings, PREFIX, {"NEXTFRAME_REDIS_URL": "redis://r"})
    assert {world.name for world in find_worlds(served.worlds)} == names >= {"freedoom"}


def test_one_variable_names_one_world_or_several() -> None:
    def worlds(text: str) -> tuple[Path, ...]:
        environ = {"NEXTFRAME_REDIS_URL": "redis://r", f"{PREFIX}WORLD": text}
        return read_settings(GenerationSettings, PREFIX, environ).worlds

    assert worlds("/a") == (Path("/a"),)
    assert worlds("/a, /b") == (Path("/a"), Path("/b"))
    with pytest.raises(SettingsError, match="world must name"):
        worlds(" , ")


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="named 'same'"):
        find_worlds([make(tmp_path / "a" / "same"), make(tmp_path / "b" / "same")])


def test_one_world_has_the_deployment_that_it_always_had() -> None:
    assert _named([Path("/w/doom")]) == {"Generator": Path("/w/doom")}
    assert list(_named([Path("/w/doom"), Path("/w/isle")])) == ["Generator-doom", "Generator-isle"]


def test_each_replica_on_a_machine_takes_a_port_of_its_own(tmp_path: Path) -> None:
    worlds = [make(tmp_path / name) for name in ("a", "b")]
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    chosen = settings(*worlds, port=port)
    with ExitStack() as held:
        taken = [
            held.enter_context(closing(_listen_to_operators(chosen))).getsockname()[1]
            for _ in worlds
        ]
        assert taken == [port, port + 1] == list(ops_ports(chosen))
        with pytest.raises(SettingsError, match="OPS_PORT"):
            _listen_to_operators(chosen)


def test_there_is_a_port_for_every_replica_that_may_be_started(tmp_path: Path) -> None:
    worlds = [make(tmp_path / name) for name in ("a", "b")]
    grown = replace(settings(*worlds, port=9000), max_replicas=3)
    assert ops_ports(grown) == tuple(range(9000, 9006))
    assert ops_ports(replace(grown, min_replicas=2, max_replicas=0)) == tuple(range(9000, 9004))


def test_the_ports_end_where_ports_end(tmp_path: Path) -> None:
    worlds = [make(tmp_path / name) for name in ("a", "b")]
    assert ops_ports(settings(*worlds, port=65535)) == (65535,)
    assert ops_ports(settings(*worlds, port=0)) == (0,)


def test_a_drain_where_no_replica_is_has_emptied_none(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    assert not drain(settings(make(tmp_path / "a"), port=port), timeout_s=1)
