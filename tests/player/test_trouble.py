"""Failures between page and server, and the page's reactions."""

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.player.browser import stats, until, until_state, wait_for
from tests.player.conftest import open_page
from tests.player.fake_server import FakeServer, LivePage
from tests.player.test_return import begin

pytestmark = pytest.mark.e2e

TEXT = "document.getElementById('overlay-text').innerText"
NOTICE = "document.getElementById('notice').textContent"


def hurry(page: Page) -> None:
    """Runs the page's clock and timers five times as fast: ten seconds become two."""
    page.add_init_script(
        """
        const now = performance.now.bind(performance);
        const [later, repeat] = [window.setTimeout, window.setInterval];
        performance.now = () => now() * 5;
        window.setTimeout = (run, ms) => later(run, ms / 5);
        window.setInterval = (run, ms) => repeat(run, ms / 5);
        """
    )


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_that_is_not_ours_never_ends_a_game(
    page: Page, server: FakeServer, status: int
) -> None:
    begin(page, server)
    page.route("**/v1/sessions/*", lambda route: blocked(route, status))
    page.route("**/whep/*", lambda route: blocked(route, status))
    server.cut()
    until(page, f"{TEXT}.includes('answered {status}')")
    until_state(page, "reconnecting")
    page.unroute("**/v1/sessions/*")
    page.unroute("**/whep/*")
    until_state(page, "live")
    assert len(server.guests) == 1 and not server.guest.ended_by_page


def blocked(route: Route, status: int) -> None:
    route.fulfill(status=status, content_type="text/html", body="<h1>Denied by the firewall</h1>")


def test_a_refused_token_does_not_end_a_game_that_runs(
    browser: Browser, server: FakeServer
) -> None:
    with open_page(browser, server) as page:
        hurry(page)
        page.reload()
        begin(page, server)
        server.takes_tokens = False
        num_before, frames = server.num_polls, stats(page)["frames"]
        wait_for(page, lambda: server.num_polls > num_before + 2, "refused looks")
        until(page, f"nextframe.stats().frames > {frames + 20}")
        assert stats(page)["state"] == "live" and not server.guest.ended_by_page
        server.takes_tokens = True


def test_a_refused_token_is_said_when_the_connection_is_gone_too(
    page: Page, server: FakeServer
) -> None:
    begin(page, server)
    server.takes_tokens = False
    server.cut()
    until_state(page, "ended")
    assert "The token has expired." in page.inner_text("#overlay-text")
    assert not server.guest.ended_by_page
    server.takes_tokens = True  # a clock was wrong: the world is still there
    page.get_by_role("button", name="Choose another place").click()
    page.get_by_role("button", name="Go on with your world").click()
    until_state(page, "live")
    assert len(server.guests) == 1


def test_a_browser_without_a_codec_is_told_before_a_session_is_created(
    page: Page, server: FakeServer
) -> None:
    server.video = ["video/H266"]
    page.goto(server.url)
    until(page, "document.getElementById('offer').textContent.includes('cannot decode')")
    assert page.locator("#play").is_disabled() and not server.guests


def test_a_browser_without_webrtc_is_told(page: Page, server: FakeServer) -> None:
    page.add_init_script("delete window.RTCPeerConnection")
    page.goto(server.url)
    until(page, "document.getElementById('offer').textContent.includes('WebRTC')")
    assert page.locator("#play").is_disabled()


def test_a_browser_that_plays_nothing_by_itself_plays_after_a_tap(
    page: Page, server: FakeServer
) -> None:
    page.add_init_script(
        """
        const play = HTMLMediaElement.prototype.play;
        HTMLMediaElement.prototype.play = function () {
          if (navigator.userActivation.isActive && window.wasTapped) return play.call(this);
          this.pause();
          return Promise.reject(new DOMException("a tap first", "NotAllowedError"));
        };
        addEventListener("click", ({ target }) => {
          if (target.closest("#overlay-actions")) window.wasTapped = true;
        }, true);
        document.addEventListener("DOMContentLoaded", () => {
          document.getElementById("view").removeAttribute("autoplay");
        });
        """
    )
    page.goto(server.url)
    page.click("#play")
    until(page, "document.getElementById('overlay-title').innerText === 'Tap to play'")
    page.wait_for_timeout(300)
    page.locator("#overlay-actions button").first.click()
    until_state(page, "live")
    until(page, "nextframe.stats().frames > 10")
    assert not page.locator("#overlay").is_visible()


TRY_NOW = """[...document.querySelectorAll("#overlay-actions button")]
    .find((button) => button.textContent === "Try now")?.click()"""


def test_ten_seconds_without_media_say_what_is_blocked_and_can_be_retried(
    browser: Browser, server: FakeServer
) -> None:
    with open_page(browser, server) as page:
        hurry(page)
        page.goto(server.url)
        server.is_reachable = False
        page.click("#play")
        until(page, f"{TEXT}.includes('SSH tunnel')")
        assert page.get_by_role("button", name="Try now").is_visible()
        server.is_reachable = True
        page.evaluate(TRY_NOW)  # at once, or the page has tried by itself and the button is gone
        until_state(page, "live")
        assert len(server.guests) == 1


def test_a_world_that_sends_no_picture_is_explained(browser: Browser, server: FakeServer) -> None:
    with open_page(browser, server) as page:
        hurry(page)
        page.goto(server.url)
        begin(page, server)
        server.is_drawing = False
        until(page, f"{NOTICE}.startsWith('No new frame for')")
        until(page, f"{TEXT}.includes('no picture is being sent')")
        server.is_drawing = True
        until_state(page, "live")
        assert len(server.guest.offers) == 1


def test_input_that_does_not_arrive_is_reported(world: LivePage) -> None:
    world.guest.is_heard = False
    until(world.page, f"{NOTICE} === 'Your keys do not reach the world just now.'")
    world.guest.is_heard = True
    until(world.page, f"{NOTICE} === ''")


@pytest.mark.parametrize("takes_patches", [True, False])
def test_candidates_are_trickled_and_not_needed(
    page: Page, server: FakeServer, takes_patches: bool
) -> None:
    page.context.grant_permissions(["microphone"])  # then Chromium hides no address behind a name
    server.takes_patches = takes_patches
    begin(page, server)
    wait_for(page, lambda: server.guest.fragments, "a fragment")
    assert all("a=ice-ufrag:" in one and "a=candidate:" in one for one in server.guest.fragments)
    assert "a=candidate:" not in server.guest.offers[0]  # it waited for none
    assert stats(page)["state"] == "live" and len(server.guest.offers) == 1
