"""One browser and one fake server for the page's tests; a fresh page for each test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from tests.player.browser import open_browser, stats, until, until_state
from tests.player.fake_server import FakeServer, LivePage, open_server


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_server() -> Iterator[FakeServer]:
    with open_server() as server:
        yield server


@pytest.fixture
def server(shared_server: FakeServer) -> FakeServer:
    shared_server.reset()
    return shared_server


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A page at the title screen. Fails the test if the page logs an error or calls another
    origin."""
    with open_page(browser, server) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_world(browser: Browser) -> Iterator[LivePage]:
    with open_server() as server, open_page(browser, server) as opened:
        opened.click("#play")
        until_state(opened, "live")
        until(opened, "nextframe.stats().action_to_photon_ms.p50")  # the first action was seen
        yield LivePage(page=opened, guest=server.guest)


@pytest.fixture
def world(shared_world: LivePage) -> Iterator[LivePage]:
    """A live page shared by quick tests; each test must leave the page live with nothing held."""
    yield shared_world
    shared_world.page.evaluate("window.dispatchEvent(new Event('blur'))")
    shared_world.page.evaluate("document.exitPointerLock()")
    assert stats(shared_world.page)["state"] == "live"


@contextmanager
def open_page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    context = browser.new_context()
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((server.url, "data:"))
            else complaints.append(f"called {request.url}")
        ),
    )
    opened.on(
        "console",
        lambda said: (
            complaints.append(said.text) if "Content Security Policy" in said.text else None
        ),
    )
    opened.goto(server.url)
    yield opened
    context.close()
    assert complaints == []
