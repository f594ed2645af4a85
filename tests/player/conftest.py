"""One browser and one cardboard house for the page's tests; a fresh page for each."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from tests.player.browser import open_browser, stats, until, until_state
from tests.player.house import House, World, open_house


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_house() -> Iterator[House]:
    with open_house() as house:
        yield house


@pytest.fixture
def house(shared_house: House) -> House:
    shared_house.reset()
    return shared_house


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    """At the title. Fails the test when the page logs an error or calls another origin."""
    with open_page(browser, house) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_world(browser: Browser) -> Iterator[World]:
    with open_house() as house, open_page(browser, house) as opened:
        opened.click("#play")
        until_state(opened, "live")
        until(opened, "nextframe.stats().action_to_photon_ms.p50")  # the first action was seen
        yield World(page=opened, guest=house.guest)


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """Live already, for quick tests to share; whoever uses it leaves it live, with nothing held."""
    yield shared_world
    shared_world.page.evaluate("window.dispatchEvent(new Event('blur'))")
    shared_world.page.evaluate("document.exitPointerLock()")
    assert stats(shared_world.page)["state"] == "live"


@contextmanager
def open_page(browser: Browser, house: House) -> Iterator[Page]:
    context = browser.new_context()
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((house.url, "data:"))
            else complaints.append(f"called {request.url}")
        ),
    )
    opened.on(
        "console",
        lambda said: (
            complaints.append(said.text) if "Content Security Policy" in said.text else None
        ),
    )
    opened.goto(house.url)
    yield opened
    context.close()
    assert complaints == []
