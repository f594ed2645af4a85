"""A real Chromium for tests, and helpers that wait for the page."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-loopback-in-peer-connection",  # media stays on 127.0.0.1
)

_HAS_BEGUN = "'nextframe' in window"  # modules run after the page counts as loaded


@contextmanager
def open_browser(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def until(page: Page, expression: str, *, timeout_s: float = 15) -> Any:
    """Returns the first true value of a JavaScript expression.

    Polls from outside, because the page's content security policy forbids the `eval` used by
    Playwright.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := page.evaluate(expression)):
        if time.monotonic() > deadline:
            said = page.locator("body").inner_text()
            raise AssertionError(f"never true: {expression}\nThe page says:\n{said}")
        page.wait_for_timeout(50)
    return value


def wait_for(page: Page, condition: Callable[[], object], what: str) -> None:
    """Waits for a Python condition."""
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {what}")


def stats(page: Page) -> dict[str, Any]:
    until(page, _HAS_BEGUN)
    answer: dict[str, Any] = page.evaluate("nextframe.stats()")
    return answer


def until_state(page: Page, *names: str, timeout_s: float = 15) -> None:
    is_in_state = f"{list(names)}.includes(nextframe.stats().state)"
    until(page, f"{_HAS_BEGUN} && {is_in_state}", timeout_s=timeout_s)
