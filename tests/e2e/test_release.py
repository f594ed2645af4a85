"""A second version of a world is evaluated, canaried, promoted and rolled back during play of the
first version in a real browser, over all real services: no running session is interrupted."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from services.play.checks import with_free_ports
from tests.e2e.stack import ANY_PORTS, Stack, running_stack
from tests.model.conftest import make_world
from tests.player.browser import open_browser, stats, until, until_state
from tests.services.training.training_kit import BEARER, GOOD_CARD, TOKEN
from training.registry.publish import CARD, publish
from training.registry.registry import Registry
from training.registry.version import Lineage, WorldVersion

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_S = 90.0
PLAIN = (sys.executable, "-m", "tests.e2e.plain_generation")
NO_LINEAGE = Lineage(data="", tokenizer="", teacher="", student="")


@dataclass(slots=True)
class Deployment:
    """Two versions of one world, each on a separate replica, and the operator's API."""

    stack: Stack
    operator: httpx.Client
    first: WorldVersion
    second: WorldVersion
    bad: WorldVersion

    def step(self, name: str, **body: Any) -> httpx.Response:
        return self.operator.post(f"/v1/worlds/tiny/{name}", json=body or None)

    def done(self, name: str, **body: Any) -> None:
        answer = self.step(name, **body)
        assert answer.status_code == 200, answer.text

    def seen(self, version: WorldVersion) -> Any:
        world = self.operator.get("/v1/worlds/tiny").json()
        return next(v for v in world["versions"] if v["digest"] == version.digest)


def put(registry: Registry, folder: Path, seed: int, card: dict[str, Any]) -> WorldVersion:
    make_world("consistency", seed=seed).save(folder, card="tiny")
    (folder / CARD).write_text(json.dumps(card))
    return publish(registry, folder, lineage=NO_LINEAGE)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    data = tmp_path_factory.mktemp("training")
    registry = Registry(data / "registry")
    first, second = (put(registry, data / str(seed), seed, GOOD_CARD) for seed in (0, 1))
    bad = put(registry, data / "2", 2, GOOD_CARD | {"action_f1": 0.12})
    options = with_free_ports(
        replace(
            ANY_PORTS,
            worlds=(registry.folder("tiny", first.digest),),
            canary_world=registry.folder("tiny", second.digest),
            canary_port=0,
            training_port=0,
            operator_token=TOKEN,
        )
    )
    env = {"NEXTFRAME_TRAINING_DATA": str(data), "NEXTFRAME_GENERATION_SLOTS": "2"}
    url = f"http://127.0.0.1:{options.training_port}"
    with (
        running_stack(env, options, dict.fromkeys(("generation", "canary"), PLAIN)) as stack,
        httpx.Client(base_url=url, headers=BEARER, timeout=30) as operator,
    ):
        yield Deployment(stack, operator, first, second, bad)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


@contextmanager
def playing(browser: Browser, deployment: Deployment) -> Iterator[tuple[Page, list[str]]]:
    """A page with a live session, and the page's offers."""
    context = browser.new_context()
    page = context.new_page()
    offers: list[str] = []
    page.on("request", lambda sent: offers.append(sent.url) if "/whep/" in sent.url else None)
    page.goto(deployment.stack.page_url)
    until(page, "!document.getElementById('play').disabled", timeout_s=PATIENCE_S)
    page.click("#play")
    until_state(page, "live", timeout_s=PATIENCE_S)
    yield page, offers
    page.evaluate("document.getElementById('leave').click()")
    context.close()


def plays_on(page: Page) -> bool:
    frames = stats(page)["frames"]
    until(page, f"nextframe.stats().frames >= {frames + 10}", timeout_s=PATIENCE_S)
    return bool(stats(page)["state"] == "live")


def wait_until_counted(deployment: Deployment) -> None:
    """Waits for the replicas' next figures, written once a second."""
    ends_s = time.monotonic() + PATIENCE_S
    while not all(
        deployment.seen(version)["live"]["fps"] for version in (deployment.first, deployment.second)
    ):
        assert time.monotonic() < ends_s, "a session that nobody counted"
        time.sleep(0.2)


def test_a_release_changes_what_newcomers_get_and_nothing_for_who_plays(
    browser: Browser, deployment: Deployment
) -> None:
    deployment.done("promote", digest=deployment.first.digest)
    with playing(browser, deployment) as (early, early_offers):
        session = stats(early)["session_id"]
        rejected = deployment.step("canary", digest=deployment.bad.digest, share=0.5)
        assert rejected.status_code == 409 and "judge rejects" in rejected.json()["detail"]
        deployment.done("canary", digest=deployment.second.digest, share=0.5)
        assert plays_on(early)

        deployment.done("promote", digest=deployment.second.digest)
        with playing(browser, deployment) as (late, _):
            assert (
                deployment.seen(deployment.first)["used"],
                deployment.seen(deployment.second)["used"],
            ) == (1, 1)
            deployment.done("rollback")
            assert deployment.seen(deployment.first)["role"] == "current"
            assert plays_on(early) and plays_on(late)
            wait_until_counted(deployment)
        assert stats(early)["session_id"] == session
        assert len(early_offers) == 1

    figures = [
        deployment.seen(version)["live"] for version in (deployment.first, deployment.second)
    ]
    assert [live["sessions"] for live in figures] == [1, 1]
    assert all(live["fps"] > 1 and live["lost"] == live["failed"] == 0 for live in figures)
