"""One command starts everything and ends everything, after any end."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from model.world import World
from services.environment import SettingsError, read_settings
from services.generation.settings import GenerationSettings
from services.ingest.settings import IngestSettings
from services.play import checks, stack
from services.play.__main__ import play, reach_from_elsewhere, read_options
from services.play.checks import PreconditionError, check_space, check_world, with_free_ports
from services.play.child import Child
from services.play.plan import ROOT, SHIPPED_WORLDS, ServicePlan, StackOptions, plan_services
from services.session.settings import PREFIX, SessionSettings
from services.training.settings import TrainingSettings

READY = re.compile(r"Nextframe is ready: (http://127\.0\.0\.1:\d+/)")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    folder = tmp_path / "world"
    folder.mkdir()
    (folder / "world.json").write_text("{}")
    return folder


@contextmanager
def playing(world: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    ports = ("--port=0", "--session-port=0", "--generation-port=0")
    folders = (f"--world={world}", f"--log-folder={world.parent / 'logs'}")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("toy_play.py")), *ports, *folders, *flags],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def page_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := READY.search(line):
            return found[1]
    raise AssertionError("it never said that it is ready")


def processes_that_mention(text: str) -> list[int]:
    """Returns the pids with the text in command line or environment: all processes of one run."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and any(
                text.encode() in (folder / name).read_bytes() for name in ("cmdline", "environ")
            ):
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]


@pytest.mark.e2e
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_process_it_started(world: Path, kind: signal.Signals) -> None:
    with playing(world) as process:
        page_url(process)
        mark = folder_of(process)
        # Redis, two services, the stubborn child of each, and the reaper.
        assert len(processes_that_mention(mark)) == 6
        process.send_signal(kind)
        assert process.wait(timeout=20) == 0
    assert processes_that_mention(mark) == []
    assert not Path(mark).exists()


@pytest.mark.e2e
def test_everything_ends_even_when_the_command_itself_is_killed(world: Path) -> None:
    with playing(world) as process:
        page_url(process)
        mark = folder_of(process)
        process.kill()
        process.wait(timeout=20)
        deadline = time.monotonic() + 60
        while processes_that_mention(mark) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert processes_that_mention(mark) == []
    assert not Path(mark).exists()


def folder_of(process: subprocess.Popen[str]) -> str:
    """Returns the folder of the Redis socket, named by all processes of the run only."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"--unixsocket" in command:
            return str(Path(command[command.index(b"--unixsocket") + 1].decode()).parent)
        # Valkey shows its address in place of its arguments.
        if found := re.search(rb"unixsocket:(\S+)", b" ".join(command)):
            return str(Path(found[1].decode()).parent)
    raise AssertionError("no Redis among its children")


@pytest.mark.e2e
def test_a_service_that_dies_takes_the_rest_along_and_says_why(world: Path) -> None:
    with playing(world) as process:
        url = page_url(process)
        mark = folder_of(process)
        with suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(url + "die")
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(timeout=20) == 1
    assert "page ended (with status 3)" in said
    assert "    out of dreams" in said
    assert processes_that_mention(mark) == []


@pytest.mark.e2e
def test_a_taken_port_is_named_with_its_flag_and_nothing_starts(world: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with playing(world, f"--session-port={port}") as process:
            said, _ = process.communicate(timeout=20)
    assert process.returncode == 2
    assert f"port {port} is in use" in said and "--session-port" in said
    assert not (world.parent / "logs" / "page.log").exists()


def test_a_second_play_beside_the_first_needs_another_page_port_only() -> None:
    usual = StackOptions()
    with socket.socket() as session, socket.socket() as generation:
        for taken, port in ((session, usual.session_port), (generation, usual.generation_port)):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):  # somebody plays here now: as good
                taken.bind(("127.0.0.1", port))
                taken.listen()
        options = with_free_ports(StackOptions(port=0))
    ports = {options.port, options.session_port, options.generation_port}
    assert not ports & {usual.session_port, usual.generation_port} and len(ports) == 3
    assert read_options(["--port", "9000"]).log_folder != read_options([]).log_folder


def test_others_can_play_only_where_it_is_asked_for() -> None:
    local = StackOptions(port=9000, session_port=9001)
    assert (local.listen_host, local.page_origin) == ("127.0.0.1", "http://127.0.0.1:9000")
    assert not reach_from_elsewhere(local)
    options = read_options(["--host", "box.example", "--port", "9000"])
    assert (options.listen_host, options.page_origin) == ("0.0.0.0", "http://box.example:9000")
    plans = {
        p.name: p for p in plan_services(options, redis_url="redis://r", token_secret="t" * 32)
    }
    session, ingest = plans["session"].environment({}), plans["ingest"].environment({})
    assert session["NEXTFRAME_SESSION_INGEST_URL"] == ingest["NEXTFRAME_INGEST_PAGE_URL"]
    assert ingest["NEXTFRAME_INGEST_PAGE_URL"] == "http://box.example:9000"
    assert ingest["NEXTFRAME_INGEST_ICE_ADDRESS"] == "host"
    for plan in plans.values():
        env = plan.environment({})
        assert env[f"NEXTFRAME_{plan.name.upper()}_OPS_HOST"] == "127.0.0.1"
    assert "UDP" in reach_from_elsewhere(options)[0]


@pytest.mark.parametrize("host", ["", "http://box", "a b", "::1", "x" * 300, "box:8080", "-box"])
def test_a_host_that_no_browser_could_be_sent_to_is_refused(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read_options([f"--host={host}"])
    assert "an address or a name" in capsys.readouterr().err


def test_a_service_that_cannot_start_says_why(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def plan(options: StackOptions, **_: str) -> tuple[ServicePlan, ...]:
        command = (sys.executable, "-c", "raise SystemExit('the world is flat')")
        return (ServicePlan(name="toy", command=command, port=options.port, env={}, what="a toy"),)

    monkeypatch.setattr(stack, "plan_services", plan)
    options = StackOptions(
        port=0, session_port=0, generation_port=0, worlds=(world,), log_folder=world.parent / "logs"
    )
    assert play(options, threading.Event()) == 1
    said = capsys.readouterr().out
    assert "toy ended (with status 1)" in said and "    the world is flat" in said


def test_a_missing_world_is_named(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match=f"no world at {tmp_path}.*--world"):
        check_world(tmp_path)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_space(tmp_path)
    monkeypatch.setattr(checks, "MIN_FREE_MB", 10**9)
    with pytest.raises(PreconditionError, match="MB are free in"):
        check_space(tmp_path)


def test_a_port_of_zero_means_a_free_one() -> None:
    free = with_free_ports(StackOptions(port=0, session_port=0, generation_port=0))
    ports = {free.port, free.session_port, free.generation_port}
    ports |= {free.ingest_ops_port, free.session_ops_port, free.training_ops_port}
    assert len(ports - {0}) == 6


def test_a_chosen_port_is_kept_and_usual_ports_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two worlds take 8082 and 8083, and the training service's page is documented on 8083."""
    usual = with_free_ports(StackOptions(port=0, session_port=0, generation_port=0)).generation_port
    monkeypatch.setitem(checks.USUAL, "generation_port", usual)
    chosen = StackOptions(port=0, session_port=0, generation_port=usual, training_port=usual + 1)
    free = with_free_ports(chosen)
    assert len(free.worlds) > 1 and free.training_port == usual + 1
    worlds = range(free.generation_port, free.generation_port + len(free.worlds))
    assert free.training_port not in worlds


def test_the_island_is_the_first_world_where_it_is_played(world: Path) -> None:
    def default_world(options: StackOptions, callers: Mapping[str, str]) -> str:
        plans = plan_services(options, redis_url="unix:///r", token_secret="s" * 32)
        session = next(plan for plan in plans if plan.name == "session")
        settings = read_settings(SessionSettings, PREFIX, session.environment(callers))
        return settings.default_world

    assert default_world(StackOptions(), {}) == World.load(SHIPPED_WORLDS / "island").spec.name
    assert default_world(StackOptions(worlds=(world,)), {}) == ""
    chosen = {"NEXTFRAME_SESSION_DEFAULT_WORLD": "freedoom"}
    assert default_world(StackOptions(), chosen) == "freedoom"


def test_every_service_is_told_where_the_others_are() -> None:
    options = StackOptions(port=1, session_port=2, generation_port=3)
    plans = plan_services(options, redis_url="unix:///r", token_secret="s" * 32)
    env = {plan.name: plan.env for plan in plans}
    session = next(plan for plan in plans if plan.name == "session")
    settings = read_settings(SessionSettings, PREFIX, {**session.defaults, **session.env})
    assert (settings.port, settings.ingest_url) == (2, "http://127.0.0.1:1")
    generation = next(plan for plan in plans if plan.name == "generation")
    served = read_settings(
        GenerationSettings, "NEXTFRAME_GENERATION_", {**generation.defaults, **generation.env}
    )
    assert (served.ops_port, served.precision) == (3, "auto")
    assert env["ingest"]["NEXTFRAME_INGEST_SESSION_URL"] == "http://127.0.0.1:2"
    assert env["ingest"]["NEXTFRAME_INGEST_PAGE_URL"] == settings.ingest_url
    assert env["ingest"]["NEXTFRAME_TOKEN_SECRET"] == settings.token_secret
    assert "NEXTFRAME_TOKEN_SECRET" not in env["generation"]
    for plan in plans:
        assert not plan.env.keys() & plan.defaults.keys()


def test_media_may_come_from_the_machines_own_addresses_unless_the_caller_says_otherwise() -> None:
    """Firefox sends to no loopback address."""
    options = StackOptions(port=1, session_port=2, generation_port=3)
    plans = plan_services(options, redis_url="unix:///r", token_secret="s" * 32)
    ingest = next(plan for plan in plans if plan.name == "ingest")

    def address(callers: dict[str, str]) -> tuple[str, ...]:
        environment = ingest.environment(callers)
        return read_settings(IngestSettings, "NEXTFRAME_INGEST_", environment).ice_address

    assert address({}) == ("127.0.0.1", "host")
    assert address({"NEXTFRAME_INGEST_ICE_ADDRESS": "127.0.0.1"}) == ("127.0.0.1",)
    with pytest.raises(SettingsError, match="ICE_ADDRESS takes IP addresses"):
        address({"NEXTFRAME_INGEST_ICE_ADDRESS": "localhost"})


def test_a_child_knows_how_it_ended_and_what_it_said(tmp_path: Path) -> None:
    says = "print('one'); print('two'); raise SystemExit(7)"
    child = Child("toy", [sys.executable, "-c", says], log_path=tmp_path / "log")
    assert child.wait(timeout_s=20)
    assert child.exit_status == 7
    assert child.last_lines(1) == ["two"]
    child.finish()
    child.finish()


def test_a_child_that_does_not_listen_is_ended_by_force(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo deaf; while true; do sleep 600; done"
    child = Child("toy", ["sh", "-c", deaf], log_path=tmp_path / "log")
    while not child.last_lines(1):
        assert not child.has_ended
    child.ask_to_end()
    assert not child.wait(timeout_s=0.1)
    child.finish()


ANY_PORT = ["--port=0", "--session-port=0", "--generation-port=0"]


def test_training_and_a_second_version_run_only_when_asked_for() -> None:
    def names(options: StackOptions) -> list[str]:
        plans = plan_services(options, redis_url="unix:///r", token_secret="s" * 32)
        return [plan.name for plan in plans]

    assert names(read_options([])) == ["generation", "session", "ingest"]
    asked = read_options([*ANY_PORT, "--training-port=0", "--canary-world=build/second"])
    assert names(with_free_ports(asked)) == [
        "generation", "canary", "session", "ingest", "training",
    ]  # fmt: skip


def test_the_training_service_accepts_what_it_is_given() -> None:
    options = with_free_ports(read_options([*ANY_PORT, "--training-port=0"]))
    plan = plan_services(options, redis_url="unix:///r", token_secret="s" * 32)[-1]
    settings = read_settings(TrainingSettings, "NEXTFRAME_TRAINING_", plan.env)
    assert settings.operator_token == options.operator_token
    assert not settings.jobs_outlive  # Ctrl-C ends all that it started
    assert settings.origins == (f"http://127.0.0.1:{options.training_port}",)


def test_operators_of_the_local_stack_have_a_token() -> None:
    options = with_free_ports(read_options(list(ANY_PORT)))
    plans = plan_services(options, redis_url="unix:///r", token_secret="s" * 32)
    [env] = [plan.env for plan in plans if plan.name == "session"]
    settings = read_settings(SessionSettings, PREFIX, env)
    assert settings.operator_token == options.operator_token != ""


def test_every_shipped_world_is_played_unless_some_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NEXTFRAME_GENERATION_WORLD", raising=False)
    shipped = [folder for folder in SHIPPED_WORLDS.iterdir() if (folder / "world.json").exists()]
    assert set(read_options([]).worlds) == set(shipped)
    one, two = tmp_path / "one", tmp_path / "two"
    assert read_options(["--world", str(one), f"--world={two}"]).worlds == (one, two)
    monkeypatch.setenv("NEXTFRAME_GENERATION_WORLD", f"{two},{one},{two}")
    assert read_options([]).worlds == (two, one)


def test_each_world_is_waited_for_on_a_port_of_its_own(tmp_path: Path) -> None:
    worlds = (tmp_path / "one", tmp_path / "two", tmp_path / "three")
    free = with_free_ports(StackOptions(port=0, session_port=0, generation_port=0, worlds=worlds))
    generation, *_ = plan_services(free, redis_url="unix:///r", token_secret="s" * 32)
    served = read_settings(GenerationSettings, "NEXTFRAME_GENERATION_", generation.env)
    assert served.worlds == worlds
    assert list(generation.ports) == [served.ops_port + i for i in range(3)]
    others = {free.port, free.session_port, free.ingest_ops_port, free.session_ops_port}
    assert not others & set(generation.ports)


def test_a_second_worlds_taken_port_is_named(tmp_path: Path) -> None:
    worlds = (tmp_path / "one", tmp_path / "two")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = StackOptions(port=0, session_port=0, generation_port=port - 1, worlds=worlds)
        with pytest.raises(PreconditionError, match=f"port {port} is in use.*--generation-port"):
            with_free_ports(options)
