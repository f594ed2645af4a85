"""The operator's page in a real browser, over the real service; only the jobs are scripted."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from services.play.plan import ROOT
from services.training.app import create_app
from tests.player.browser import open_browser, until
from tests.services.training.training_kit import (
    GOOD_CARD,
    TOKEN,
    FakeLauncher,
    draw_curve,
    put_version,
    settings,
    write_progress,
)
from tests.training.data.vpt.form import said, write
from training.job_state import JobOrder
from training.registry.registry import Registry

pytestmark = [pytest.mark.e2e, pytest.mark.redis]

SHOTS = ROOT / "build" / "e2e"
PATIENCE_S = 40.0


@dataclass(slots=True)
class ConsoleServer:
    """The service on a free port, with the folder of the data."""

    url: str
    data: Path
    launcher: FakeLauncher

    def folder(self, run_id: str) -> Path:
        return self.data / "runs" / run_id


@pytest.fixture
def server(tmp_path: Path, redis_url: str) -> Iterator[ConsoleServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    launcher = FakeLauncher()
    vpt = tmp_path / "vpt"
    write(vpt, "good", [said("w")] * 4)
    write(vpt, "alone", [said()]).unlink()
    named = (f"lab={vpt}", f"gone={tmp_path}/gone")
    app = create_app(settings(tmp_path, redis_url, public_url=url, recordings=named), launcher)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield ConsoleServer(url, tmp_path, launcher)
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, server: ConsoleServer) -> Iterator[Page]:
    """A signed-in page. Fails the test if the page logs an error or violates the content security
    policy."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda said: complaints.append(said.text) if "Security Policy" in said.text else None,
    )
    opened.goto(server.url)
    opened.fill("#token", TOKEN)
    opened.click("#sign-in button")
    until(opened, "!document.getElementById('console').hidden", timeout_s=PATIENCE_S)
    yield opened
    context.close()
    assert complaints == []


def until_says(page: Page, selector: str, text: str) -> None:
    found = (
        f"[...document.querySelectorAll({selector!r})].some(e => e.innerText.includes({text!r}))"
    )
    until(page, found, timeout_s=PATIENCE_S)


def test_a_wrong_token_stays_outside(browser: Browser, server: ConsoleServer) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    page.fill("#token", "x" * 40)
    page.click("#sign-in button")
    until_says(page, "#refused", "not the operator")
    assert page.locator("#console").is_hidden()
    context.close()


def test_a_run_is_submitted_watched_and_cancelled(page: Page, server: ConsoleServer) -> None:
    page.click("summary:has-text('Change the recipe')")
    page.fill("input[name=steps]", "900")
    page.click("#submit button")
    until_says(page, "#run .pill", "running")
    [(run_id, _)] = server.launcher.started
    write_progress(server.folder(run_id), 1, done=("record", "tokenizer"), max_steps=900)
    draw_curve(server.folder(run_id), "tokenizer", 900)
    draw_curve(server.folder(run_id), "teacher", 450)
    (server.folder(run_id) / "log.txt").write_text("<b>--- teacher, attempt 1</b>\n")
    until_says(page, "#run figcaption", "at step 450")
    assert page.locator("#run svg path.mean").count() == 2
    assert "0.1" in page.locator("#run svg").first.locator("text.level").all_text_contents()
    page.click("#run summary")
    assert "<b>--- teacher" in page.inner_text(".log")  # text, never markup
    assert "steps = 900" in page.inner_text("#run .facts")
    page.screenshot(path=SHOTS / "training_run.png", full_page=True)
    page.click("#run button:has-text('Cancel')")
    until_says(page, "#run .pill", "cancelled")
    page.click("#run summary:has-text('other numbers')")
    assert page.locator("#run input[name='tokenizer.lr']").count() == 0  # that stage is done
    page.fill("#run input[name='teacher.muon_lr']", "0.002")
    page.click("#run button:has-text('Resume')")
    until_says(page, "#run .pill", "running")
    assert "Since start 2 teacher.muon_lr = 0.002" in " ".join(
        page.inner_text("#run .facts").split()
    )
    page.set_viewport_size({"width": 390, "height": 800})
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.screenshot(path=SHOTS / "training_phone.png", full_page=True)
    assert wider <= 0


def test_a_refused_order_says_why(page: Page) -> None:
    page.click("summary:has-text('Change the recipe')")
    page.evaluate("document.getElementById('submit').noValidate = true")
    page.fill("input[name=steps]", "0")
    page.click("#submit button")
    until_says(page, "#link", "1 to 5e+06 expected")


def test_recordings_are_looked_at_and_picked(page: Page, server: ConsoleServer) -> None:
    assert page.locator("#recordings").is_hidden()  # the first recipe films by itself
    page.select_option("#recipe", "minecraft_small")
    until_says(page, ".recordings", "1 recordings, 0.0 h of play; skipped: 1 actions missing")
    page.check("input[value=gone]")
    page.click("#submit button")
    until_says(page, "#link", "not there now")
    page.check("input[value=lab]")
    page.screenshot(path=SHOTS / "training_recordings.png", full_page=True)
    page.click("#submit button")
    until_says(page, "#run .pill", "running")
    assert "lab" in page.inner_text("#run .facts")
    [(run_id, _)] = server.launcher.started
    assert JobOrder.read(server.folder(run_id)).recordings_folder == str(server.data / "vpt")


def test_a_version_is_canaried_promoted_and_rolled_back(page: Page, server: ConsoleServer) -> None:
    registry = Registry(server.data / "registry")
    for number in (1, 2):
        put_version(registry, number, card=GOOD_CARD | {"psnr_16": 20.0 + number})
    put_version(registry, 3, card=GOOD_CARD | {"action_f1": 0.12})
    until_says(page, ".pill", "rejected")
    page.click("tr:has-text('21.0') button:has-text('Promote')")
    until_says(page, "tr", "current")
    page.select_option("tr:has-text('22.0') select", "0.25")
    page.click("tr:has-text('22.0') button:has-text('Canary')")
    until_says(page, ".world", "25 % of newcomers get the canary")
    until_says(page, ".advice", "0 of 20 sessions")
    page.screenshot(path=SHOTS / "training_worlds.png", full_page=True)
    page.click("tr:has-text('22.0') button:has-text('Promote')")
    until_says(page, "tr", "previous")
    page.click(".world header button:has-text('Roll back')")
    until_says(page, "tr:nth-child(3)", "current")
    assert "Only the canary" not in page.inner_text("#link")
