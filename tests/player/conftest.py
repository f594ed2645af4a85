"""One browser and one cardboard house for the page's tests; a fresh page for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.player.browser import open_browser
from tests.player.house import House, open_house


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
