"""The commands of docs/operations.md do what the page says, on real services with two replicas.

Blocks marked `sh` are run; other blocks need what a test has not (a shell, a published version).
"""

import asyncio
import json
import re
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.backplane.connection import connect
from services.backplane.sessions import SessionStore
from services.operator_cli.__main__ import app
from tests.e2e.stack import ANY_PORTS, Stack, running_stack
from tests.model.conftest import make_world
from tests.services.operator_cli.cli_kit import TOKEN, Answer, Shell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]
PLAIN = (sys.executable, "-m", "tests.e2e.plain_generation")
PATIENCE_S = 120.0
ADDRESS = "192.0.2.7"  # reserved for documentation


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two replicas of the same version, each in a process of its own."""
    folder = tmp_path_factory.mktemp("worlds") / "tiny"
    make_world("consistency").save(folder, card="random")
    options = replace(
        ANY_PORTS, worlds=(folder,), canary_world=folder, canary_port=0, operator_token=TOKEN
    )
    env = {"NEXTFRAME_GENERATION_SLOTS": "2"}
    with running_stack(env, options, dict.fromkeys(("generation", "canary"), PLAIN)) as running:
        yield running


@contextmanager
def present(stack: Stack, session_id: str) -> Iterator[None]:
    """The player of the session is there, as ingest would say."""
    over = threading.Event()

    async def show_signs() -> None:
        async with connect(stack.redis_url) as redis:
            while not over.is_set():
                await SessionStore(redis).mark_seen(session_id, is_connected=True)
                await asyncio.sleep(0.2)

    thread = threading.Thread(target=lambda: asyncio.run(show_signs()))
    thread.start()
    yield
    over.set()
    thread.join()


class Operator:
    """Runs lines of the page, with real names for the words in capitals."""

    def __init__(self, stack: Stack, shell: Shell) -> None:
        self._shell = shell
        ops = stack.ops_urls
        self.names = {
            "SESSION_OPS": ops["session"],
            "INGEST_OPS": ops["ingest"],
            "GENERATION_OPS": ops["generation"],
            "WORLD": "tiny",
            "ADDRESS": ADDRESS,
        }

    def run(self, line: str) -> Answer:
        for word in sorted(self.names, key=len, reverse=True):
            line = re.sub(rf"\b{word}\b", self.names[word], line)
        program, *arguments = shlex.split(line)
        assert program == "nextframe"
        return self._shell.run(*arguments)

    def read(self, command: str) -> Any:
        return json.loads(self.run(f"nextframe {command} --json").out)

    def session(self) -> Any:
        [session] = [s for s in self.read("sessions") if s["id"] == self.names["SESSION"]]
        return session

    def wait_until_live(self, *, owners: int) -> Any:
        ends_s = time.monotonic() + PATIENCE_S
        while (session := self.session())["status"] != "live" or session["owners"] < owners:
            assert time.monotonic() < ends_s, session
            time.sleep(0.1)
        return session


def run_page(operator: Operator) -> dict[str, Answer]:
    """Runs the page from top to bottom. Returns the answers by command."""
    answers = {}
    owners = 1
    for line in COMMANDS:
        command = line.split()[1]
        if command == "drain":
            operator.names["REPLICA"] = operator.session()["replica_id"]
        answers[command] = answer = operator.run(line)
        assert answer.code == 0, (line, answer)
        if command in ("move", "drain"):
            owners += 1
            moved = operator.wait_until_live(owners=owners)
            assert moved["owners"] == owners, "moved once"
    return answers


def test_the_page_names_every_command_but_no_other() -> None:
    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    named = set(re.findall(r"^nextframe (\w+)", PAGE, re.MULTILINE))
    assert named == known


def test_every_command_of_the_page_works(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(stack, Shell(monkeypatch, capsys, stack.session_url))
    created = httpx.post(f"{stack.session_url}/v1/sessions").json()
    operator.names["SESSION"] = created["id"]
    with present(stack, created["id"]):
        first = operator.wait_until_live(owners=1)["replica_id"]
        answers = run_page(operator)
    assert operator.names["REPLICA"] != first, "the session moved before the drain"
    assert answers["drain"].out.endswith("is empty.\n")
    assert {replica["draining"] for replica in operator.read("replicas")} == {False}
    headers = {"Authorization": f"Bearer {created['token']}"}
    url = f"{stack.session_url}/v1/sessions/{created['id']}"
    seen = httpx.get(url, headers=headers).json()
    assert (seen["status"], seen["reason"]) == ("ended", "Maintenance until noon.")
    assert operator.read("blocks") == []
