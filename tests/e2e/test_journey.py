"""The main use in a real browser over all real services: one click, and generated frames arrive.

The bounds are loose, for a busy machine. The load test measures real figures; this test prints
figures.
"""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from examples import headless_player
from services.play.plan import ROOT
from tests.e2e.picture import difference, drift, next_pictures
from tests.e2e.stack import Stack, running_stack
from tests.player.browser import open_browser, stats, until, until_state

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(420)]

SHOTS = ROOT / "build" / "e2e"
SLOTS = 3  # places in this house; the fourth player waits
STARTS = (0, 3)  # where the turning is tried
PATIENCE_S = 60.0
RESTART_S = 180.0  # a new replica process: imports, weights, warm-up


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With a home of its own, in which no service may leave anything."""
    home = tmp_path_factory.mktemp("home")
    with running_stack({"NEXTFRAME_GENERATION_SLOTS": str(SLOTS), "HOME": str(home)}) as running:
        yield running
    assert [path.name for path in home.iterdir()] == []


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    with visit(browser, stack) as opened:
        yield opened


@contextmanager
def visit(browser: Browser, stack: Stack, query: str = "") -> Iterator[Page]:
    """A page at the title screen; ends the session afterwards."""
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.goto(stack.page_url + query)
    until(opened, "!document.getElementById('play').disabled", timeout_s=PATIENCE_S)
    yield opened
    opened.evaluate("document.getElementById('leave').click()")
    context.close()


def begin(page: Page) -> None:
    page.click("#play")
    until_state(page, "live", timeout_s=PATIENCE_S)


def more_frames(page: Page, count: int) -> None:
    until(
        page,
        f"nextframe.stats().frames >= {stats(page)['frames'] + count}",
        timeout_s=PATIENCE_S,
    )


def test_one_click_and_the_world_is_there(page: Page) -> None:
    page.screenshot(path=SHOTS / "title.png")
    clicked_at = page.evaluate("performance.now()")
    begin(page)
    took_ms = page.evaluate("performance.now()") - clicked_at
    more_frames(page, 20)
    page.keyboard.press("F3")
    until(page, "nextframe.stats().action_to_photon_ms.p95", timeout_s=PATIENCE_S)
    page.wait_for_timeout(1500)
    page.screenshot(path=SHOTS / "live.png")
    report("first_frame", {"took_ms": took_ms, **stats(page)})
    assert took_ms < 20_000
    assert page.evaluate("document.getElementById('view').videoWidth") >= 128


def test_stats_keep_their_contract(page: Page) -> None:
    begin(page)
    until(page, "nextframe.stats().action_to_photon_ms.p95", timeout_s=PATIENCE_S)
    now = stats(page)
    assert set(now) == {
        "state",
        "session_id",
        "fps",
        "action_to_photon_ms",
        "frames",
        "level",
        "speculative_share",
    }
    assert now["state"] == "live" and isinstance(now["session_id"], str)
    assert 0 < now["action_to_photon_ms"]["p50"] <= now["action_to_photon_ms"]["p95"]
    assert now["frames"] > 0 and now["level"] >= 0 and 0 <= now["speculative_share"] <= 1


def test_turning_left_and_right_moves_the_picture_opposite_ways(
    browser: Browser, stack: Stack
) -> None:
    drifts = {
        key: sum(turn(browser, stack, start, key) for start in STARTS)
        for key in ("ArrowLeft", "ArrowRight")
    }
    report("turning", drifts)
    assert drifts["ArrowLeft"] > 0 > drifts["ArrowRight"]


def turn(browser: Browser, stack: Stack, start: int, key: str) -> int:
    """Returns the motion of the image in columns while a key is held over a session's first
    frames."""
    with visit(browser, stack, f"?start={start}&seed=1") as page:
        begin(page)
        page.keyboard.down(key)
        pictures = next_pictures(page, 10)
        page.screenshot(path=SHOTS / f"{key}-{start}.png")
    return drift(pictures)


def test_a_reset_shows_the_start_again(browser: Browser, stack: Stack) -> None:
    with visit(browser, stack, "?start=0&seed=1") as page:
        begin(page)
        began = next_pictures(page, 5)
        page.keyboard.down("ArrowLeft")
        turned = next_pictures(page, 20)[-1]
        page.keyboard.up("ArrowLeft")
        page.keyboard.press("r")
        notice = "document.getElementById('notice').textContent"
        until(page, f"{notice}.startsWith('Back where')", timeout_s=PATIENCE_S)
        again = next_pictures(page, 15)  # the first ones were on their way
        page.screenshot(path=SHOTS / "reset.png")
    away = min(difference(turned, one) for one in began)
    back = min(difference(one, other) for one in began for other in again)
    report("reset", {"away": away, "back": back})
    assert back < away / 2


def test_the_page_is_found_as_localhost_too(browser: Browser, stack: Stack) -> None:
    page = browser.new_page()
    page.goto(stack.page_url.replace("127.0.0.1", "localhost") + "?start=1")
    until(page, "!document.getElementById('play').disabled", timeout_s=PATIENCE_S)
    begin(page)
    page.evaluate(
        "document.getElementById('leave').click()"
    )  # a closed page keeps its place a while
    until_state(page, "idle")
    page.close()


def test_three_play_their_own_worlds_and_the_fourth_waits(browser: Browser, stack: Stack) -> None:
    with ExitStack() as visits:
        pages = [
            visits.enter_context(visit(browser, stack, f"?start={start}&seed={start}"))
            for start in range(SLOTS)
        ]
        for page in pages:
            begin(page)
        for page in pages:
            more_frames(page, 10)
        assert len({stats(page)["session_id"] for page in pages}) == SLOTS
        pictures = [next_pictures(page, 1)[0] for page in pages]
        assert min(difference(pictures[0], other) for other in pictures[1:]) > 0.01

        late = visits.enter_context(visit(browser, stack))
        late.click("#play")
        until_state(late, "waiting", timeout_s=PATIENCE_S)
        assert "next in line" in late.inner_text("#overlay-title")
        late.screenshot(path=SHOTS / "waiting.png")
        pages[0].evaluate("document.getElementById('leave').click()")
        until_state(late, "live", timeout_s=PATIENCE_S)
        for page in pages[1:]:
            more_frames(page, 5)


def test_a_session_that_is_ended_elsewhere_says_so(page: Page, stack: Stack) -> None:
    with page.expect_response(lambda answer: answer.url.endswith("/v1/sessions")) as created:
        page.click("#play")
    session = created.value.json()
    until_state(page, "live", timeout_s=PATIENCE_S)
    ended = httpx.delete(
        f"{stack.session_url}/v1/sessions/{session['id']}",
        headers={"Authorization": f"Bearer {session['token']}"},
    )
    assert ended.status_code == 204
    until_state(page, "ended", timeout_s=PATIENCE_S)
    page.screenshot(path=SHOTS / "ended.png")
    page.get_by_role("button", name="Dream again").click()
    until_state(page, "live", timeout_s=PATIENCE_S)
    assert stats(page)["session_id"] != session["id"]


def test_when_the_edge_dies_the_page_finds_back_to_its_world(page: Page, stack: Stack) -> None:
    begin(page)
    more_frames(page, 10)
    session, frames = stats(page)["session_id"], stats(page)["frames"]
    stack.kill("ingest")
    until_state(page, "reconnecting", timeout_s=PATIENCE_S)
    page.screenshot(path=SHOTS / "reconnecting.png")
    stack.start("ingest")
    stack.wait_until_ready("ingest")
    until_state(page, "live", timeout_s=PATIENCE_S)
    assert stats(page)["session_id"] == session
    assert stats(page)["frames"] > frames


def test_when_the_replica_dies_the_world_goes_on_without_a_new_connection(
    page: Page, stack: Stack
) -> None:
    offers = []
    page.on("request", lambda sent: offers.append(sent.url) if "/whep/" in sent.url else None)
    begin(page)
    more_frames(page, 30)  # so that a snapshot is there
    session = stats(page)["session_id"]
    stack.kill_replica()
    killed_at = page.evaluate("performance.now()")
    until_state(page, "connecting", "waiting", timeout_s=PATIENCE_S)
    page.screenshot(path=SHOTS / "moving.png")
    until_state(page, "live", timeout_s=RESTART_S)
    took_ms = page.evaluate("performance.now()") - killed_at
    more_frames(page, 10)
    report("replica_killed", {"took_ms": took_ms})
    assert stats(page)["session_id"] == session
    assert len(offers) == 1


def report(name: str, figures: dict[str, Any]) -> None:
    """Stores figures beside the screenshots."""
    path = Path(SHOTS, f"{name}.json")
    path.write_text(json.dumps(figures, indent=1))
    print(name, figures)


def test_the_example_of_a_player_without_a_browser_sees_frames(stack: Stack) -> None:
    playing = headless_player.play(stack.page_url, "freedoom", seconds=4.0)
    with ThreadPoolExecutor(1) as thread:  # Playwright's own event loop runs in this one
        num_frames = thread.submit(asyncio.run, playing).result()
    assert num_frames > 35  # 17.5 a second on an idle machine
