"""The operator's page in a real browser, over the real session service and a real Redis."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from services.backplane.blocks import BlockList
from services.backplane.connection import Client, connect
from services.backplane.orders import Orders, ReplicaOrders
from services.backplane.sessions import SessionStore
from services.play.plan import ROOT
from services.session.app import create_app
from tests.player.browser import open_browser, until, wait_for
from tests.services.operator_cli.cli_kit import TOKEN
from tests.services.operator_cli.test_cli import FIRST, SECOND, beat
from tests.services.session.test_session_app import settings

pytestmark = [pytest.mark.e2e, pytest.mark.redis]

SHOTS = ROOT / "build" / "e2e"
PATIENCE_S = 40.0


@pytest.fixture
def url(redis_url: str) -> Iterator[str]:
    """Two replicas, of which one has a session; another session waits."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(settings(redis_url, operator_token=TOKEN, public_url=address))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    apart(lambda: beat(redis_url, FIRST, used=1))
    apart(lambda: beat(redis_url, SECOND, used=0))
    held, _ = (httpx.post(f"{address}/v1/sessions").json() for _ in range(2))
    with_redis(redis_url, lambda redis: acquire(redis, held["id"]))
    yield address
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def with_redis(redis_url: str, act: Callable[[Client], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with connect(redis_url) as redis:
            return await act(redis)

    return apart(lambda: asyncio.run(run()))


def apart(act: Callable[[], Any]) -> Any:
    """In a thread of its own, as Playwright has an event loop in the test's thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(act).result()


async def acquire(redis: Client, session_id: str) -> None:
    await SessionStore(redis).acquire(
        session_id, replica_id=FIRST, frame_address="127.0.0.1:9", link_key="k"
    )


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A signed-in page. Fails the test if the page logs an error or violates the content security
    policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda said: complaints.append(said.text) if "Security Policy" in said.text else None,
    )
    opened.goto(f"{url}/operator/")
    opened.fill("#token", TOKEN)
    opened.click("#sign-in button")
    until_says(opened, "#replicas", FIRST[:12])
    yield opened
    context.close()
    assert complaints == []


def until_says(page: Page, selector: str, text: str) -> None:
    found = (
        f"[...document.querySelectorAll({selector!r})].some(e => e.innerText.includes({text!r}))"
    )
    until(page, found, timeout_s=PATIENCE_S)


def test_an_operator_sees_the_fleet_and_acts(page: Page, redis_url: str) -> None:
    assert page.locator("#status .tile").count() == 5
    assert "1 / 8" in page.inner_text("#status") and "toy 1" in page.inner_text("#status")
    assert page.locator("#replicas li").count() == 2
    assert page.locator("#replicas .squares i.used").count() == 1
    assert page.locator("#replicas svg.curve circle").count() == 4
    assert page.locator("#sessions tr").count() == 2
    page.screenshot(path=SHOTS / "operator.png", full_page=True)

    page.on("dialog", lambda dialog: dialog.accept(dialog.default_value))
    page.click("#replicas li:first-child button")
    until(page, "document.getElementById('link').textContent === ''", timeout_s=PATIENCE_S)

    def was_told() -> bool:
        told = with_redis(redis_url, lambda redis: ReplicaOrders(redis).take(FIRST))
        return bool(told == Orders(drains=True))

    wait_for(page, was_told, "the replica was told")
    apart(lambda: beat(redis_url, FIRST, used=1, draining=True))
    until_says(page, "#replicas li.draining", "Take back")

    page.click("#sessions tr:has-text('queued') button:has-text('Block')")
    assert page.input_value("#address") == "127.0.0.1"
    page.click("#block button")
    until_says(page, "#blocks", "127.0.0.1")
    [blocked] = with_redis(redis_url, lambda redis: BlockList(redis).page(limit=9))
    assert blocked.who == "127.0.0.1"
    page.click("#blocks button")
    until_says(page, "#blocks", "None.")

    page.click("#sessions tr:has-text('queued') button:has-text('End')")
    until(page, "document.querySelectorAll('#sessions tr').length === 1", timeout_s=PATIENCE_S)


def test_a_refusal_is_shown_and_a_phone_shows_everything(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.fill("#address", "nobody")
    page.click("#block button")
    until_says(page, "#link", "address")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=SHOTS / "operator_phone.png", full_page=True)


def test_a_wrong_token_stays_outside(browser: Browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/operator/")
    page.fill("#token", "x" * 40)
    page.click("#sign-in button")
    until_says(page, "#link", "token")
    assert page.locator("#console").is_hidden()
    context.close()


def test_without_a_token_in_the_settings_there_is_no_page(redis_url: str) -> None:
    async def status() -> int:
        transport = httpx.ASGITransport(create_app(settings(redis_url)))
        async with httpx.AsyncClient(transport=transport, base_url="http://session") as client:
            return (await client.get("/operator/")).status_code

    assert apart(lambda: asyncio.run(status())) == 404
