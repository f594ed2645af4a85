"""Two worlds in one deployment, from the title screen to the video; one world is full."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.stack import ANY_PORTS, Stack, running_stack
from tests.e2e.test_release import PATIENCE_S, PLAIN
from tests.model.conftest import make_world
from tests.player.browser import open_browser, stats, until, until_state

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("worlds")
    for seed, name in enumerate(("hall", "isle")):
        world = make_world("consistency", seed=seed)
        spec = replace(world.spec, name=name, title=f"The {name}")
        replace(world, spec=spec).save(folder / name, card="tiny")
    options = replace(ANY_PORTS, worlds=(folder / "hall", folder / "isle"))
    env = {"NEXTFRAME_GENERATION_SLOTS": "1", "NEXTFRAME_SESSION_DEFAULT_WORLD": "isle"}
    with running_stack(env, options, {"generation": PLAIN}) as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


@contextmanager
def title(browser: Browser, stack: Stack, query: str = "") -> Iterator[tuple[Page, list[str]]]:
    """A page at the title screen, and the page's requests to the session service."""
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on(
        "request",
        lambda sent: asked.append(sent.post_data or "") if sent.method == "POST" else None,
    )
    page.goto(stack.page_url + query)
    until(page, "!document.getElementById('play').disabled", timeout_s=PATIENCE_S)
    yield page, asked
    context.close()


def test_a_full_world_has_a_queue_while_the_other_one_plays_at_once(
    browser: Browser, stack: Stack
) -> None:
    with title(browser, stack) as (page, asked), title(browser, stack, "?world=hall") as (late, _):
        captions = page.locator("#worlds .card span").all_text_contents()
        assert captions == ["The isle", "The hall"]  # the default world is the first
        page.get_by_text("The hall").click()
        page.click("#play")
        until_state(page, "live", timeout_s=PATIENCE_S)
        until(page, "nextframe.stats().frames > 5", timeout_s=PATIENCE_S)
        assert '"world":"hall"' in asked[0]

        late.click("#play")
        until_state(late, "waiting", timeout_s=PATIENCE_S)
        with title(browser, stack) as (free, _):
            free.click("#play")
            until_state(free, "live", timeout_s=PATIENCE_S)
            assert stats(late)["state"] == "waiting"
        page.close()
        until_state(late, "live", timeout_s=PATIENCE_S)
