"""`nextframe` against a real session service: tables, JSON, exit codes, errors."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.backplane.connection import connect
from services.backplane.replicas import ReplicaRegistry
from services.operator_cli.__main__ import app
from services.play.private_redis import PrivateRedis
from services.wire import keys
from services.wire.capacity import CapacityCurve
from tests.services.openapi_kit import free_port, service
from tests.services.operator_cli.cli_kit import TOKEN, Shell, lines
from tests.services.test_openapi import TOY

pytestmark = pytest.mark.redis

CURVE = CapacityCurve(period_s=0.05, ticks_s=((1, 0.01), (4, 0.03)))
FIRST, SECOND = "11111111.0-" + "a" * 32, "11111111.0-" + "b" * 32


@pytest.fixture(scope="module")
def session_url(private_redis: PrivateRedis) -> Iterator[str]:
    limits = {"CREATIONS_PER_MINUTE": "9999", "OPEN_PER_CALLER": "9999"}
    shared = {"NEXTFRAME_REDIS_URL": private_redis.url, "NEXTFRAME_TOKEN_SECRET": "s" * 32}
    with service("session", **shared, **limits, OPERATOR_TOKEN=TOKEN) as (url, _):
        yield url


@pytest.fixture
def shell(
    session_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """Two replicas of the world `toy`."""
    beat(redis_url, FIRST, used=1)
    beat(redis_url, SECOND, used=0)
    return Shell(monkeypatch, capsys, session_url)


def beat(redis_url: str, name: str, **state: Any) -> None:
    """A heartbeat that lasts as long as the test."""

    async def send() -> None:
        async with connect(redis_url) as redis:
            registry = ReplicaRegistry(redis)
            chosen: dict[str, Any] = {"slots": 4, "draining": False, "capacity": CURVE} | state
            await registry.heartbeat(name, world="toy", world_digest=TOY.digest, **chosen)
            await registry.publish_world(TOY)
            for key in (keys.replica(name), keys.REPLICAS, keys.OFFERS, keys.offer("toy", "")):
                await redis.persist(key)

    asyncio.run(send())


def create(url: str) -> Any:
    answer = httpx.post(f"{url}/v1/sessions")
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_status_is_a_table(shell: Shell) -> None:
    create(shell.url)
    answer = shell.run("status")
    assert answer.code == 0 and answer.err == ""
    *shown, memory = lines(answer.out)
    assert shown == [
        "what       now",
        "─" * 35,
        "sessions   1 open: 0 held, 0 paused",
        "waiting    toy 1",
        "replicas   2",
        "slots      1 of 8 used",
        "blocked    0 addresses",
    ]
    assert memory.startswith("redis") and memory.endswith("of 256 MiB")


def test_replicas_are_a_table(shell: Shell) -> None:
    assert lines(shell.run("replicas").out) == [
        "replica        world   version   used   level   state   tick ms by sessions",
        "─" * 75,
        "11111111.0-a   toy                1/4       0   ready   1:10 4:30 of 50",
        "11111111.0-b   toy                0/4       0   ready   1:10 4:30 of 50",
    ]


def test_sessions_are_a_table_and_can_be_chosen(shell: Shell) -> None:
    assert "No sessions." in shell.run("sessions").out
    sessions = [create(shell.url)["id"] for _ in range(3)]
    head, _, *rows = lines(shell.run("sessions", "--world", "toy", "--status", "queued").out)
    assert head.split() == ["session", "status", "world", "replica", "address", "age", "owners"]
    assert sorted(row.split()[0] for row in rows) == sorted(name[:12] for name in sessions)
    assert {tuple(row.split()[1:5]) for row in rows} == {("queued", "toy", "-", "127.0.0.1")}
    assert len(json.loads(shell.run("sessions", "--limit", "2", "--json").out)) == 2
    assert shell.run("sessions", "--status", "bored").code == 1


def test_worlds_are_a_table(shell: Shell) -> None:
    assert lines(shell.run("worlds").out)[2:] == [
        "toy               32x32    20        1          2    1/8"
    ]
    [world] = json.loads(shell.run("worlds", "--json").out)
    assert world["starts"] == ["room"] and "preview" not in world


def test_a_session_is_ended_by_the_first_letters_of_its_id(shell: Shell) -> None:
    session = create(shell.url)
    answer = shell.run("end", session["id"][:12], "--reason", "Maintenance.")
    assert (answer.code, answer.out) == (0, f"{session['id']} has ended.\n")
    headers = {"Authorization": f"Bearer {session['token']}"}
    seen = httpx.get(f"{shell.url}/v1/sessions/{session['id']}", headers=headers).json()
    assert (seen["status"], seen["reason"]) == ("ended", "Maintenance.")


def test_a_replica_is_drained_and_taken_back(shell: Shell, redis_url: str) -> None:
    answer = shell.run("drain", "11111111.0-a", "--wait", "0")
    assert (answer.code, answer.out) == (0, f"{FIRST} is draining.\n")
    beat(redis_url, FIRST, used=0, draining=True)
    answer = shell.run("drain", "11111111.0-a", "--json")
    assert json.loads(answer.out) == {"id": FIRST, "draining": True, "empty": True}
    assert lines(shell.run("replicas").out)[2].split()[4] == "draining"
    refused = shell.run("drain", "11111111.0-b", "--wait", "0")
    assert refused.code == 1 and "no other replica" in refused.err.lower()
    assert shell.run("drain", "11111111.0-b", "--wait", "0", "--anyway").code == 0
    assert "takes sessions again" in shell.run("undrain", FIRST).out


def test_a_drain_that_takes_too_long_says_so(shell: Shell) -> None:
    answer = shell.run("drain", FIRST, "--wait", "0.01")
    assert answer.code == 1 and "still has sessions" in answer.err


def test_only_a_session_on_a_replica_moves(shell: Shell) -> None:
    answer = shell.run("move", create(shell.url)["id"])
    assert answer.code == 1
    assert answer.err == (
        "nextframe: The session is queued; only a session on a replica can move.\n"
    )


def test_an_address_is_blocked_and_unblocked(shell: Shell) -> None:
    create(shell.url)
    answer = shell.run("block", "127.0.0.1", "--minutes", "5", "--reason", "spam", "--end")
    assert answer.code == 0 and answer.out.endswith("UTC. Ended sessions: 1.\n")
    assert httpx.post(f"{shell.url}/v1/sessions").status_code == 403
    row = lines(shell.run("blocks").out)[2].split()
    assert (row[0], row[-1]) == ("127.0.0.1", "spam")
    assert shell.run("unblock", "127.0.0.1").code == 0
    assert "No blocks." in shell.run("blocks").out
    assert shell.run("unblock", "127.0.0.1").code == 1
    assert "address" in shell.run("block", "nobody").err


def test_letters_that_fit_none_or_several_are_refused(shell: Shell) -> None:
    for letters, complaint in (("11111111", "2 replicas begin"), ("zz", "No replica begins")):
        answer = shell.run("drain", letters)
        assert answer.code == 1 and complaint in answer.err


def test_a_wrong_token_is_refused_in_a_line(shell: Shell) -> None:
    answer = shell.run("status", token="wrong")
    assert (answer.code, answer.out) == (1, "") and len(lines(answer.err)) == 1
    assert "token" in answer.err and "wrong" not in answer.err
    assert "NEXTFRAME_OPERATOR_TOKEN" in shell.run("status", token="").err


def test_without_a_service_every_command_says_who_did_not_answer(shell: Shell) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for command in (["status"], ["sessions"], ["drain", "a"], ["end", "b" * 32], ["blocks"]):
        answer = shell.run("--url", nobody, *command)
        assert (answer.code, answer.out) == (3, ""), command
        assert answer.err.startswith(f"nextframe: No answer from {nobody}")
        assert len(lines(answer.err)) == 1
    answer = shell.run("--training-url", nobody, "promote", "toy", "ab")
    assert answer.code == 3 and nobody in answer.err
    assert shell.run("--url", "nonsense", "status").code == 3


def test_a_wrong_command_line_is_no_refusal(shell: Shell) -> None:
    for arguments in (["fly"], ["drain"], ["block", "1.2.3.4", "--minutes", "0"]):
        assert shell.run(*arguments).code == 2, arguments
    assert shell.run("doctor", "--ops", "session").code == 2


def test_every_command_has_a_sentence_and_speaks_json(shell: Shell) -> None:
    for command in app.registered_commands:
        assert command.callback is not None and command.callback.__doc__
        usage = shell.run(command.callback.__name__, "--help")
        assert usage.code == 0 and "--json" in usage.out


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_there_for_the_usual_shells(
    shell: Shell, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_NEXTFRAME_COMPLETE", f"source_{name}")
    answer = shell.run()
    assert answer.code == 0 and "_NEXTFRAME_COMPLETE" in answer.out
