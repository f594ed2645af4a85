"""What goes wrong between the page and the house, and what the page makes of it."""

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.player.browser import stats, until, until_state, wait_for
from tests.player.conftest import open_page
from tests.player.house import House, World
from tests.player.test_return import begin

pytestmark = pytest.mark.e2e

TEXT = "document.getElementById('overlay-text').innerText"
NOTICE = "document.getElementById('notice').textContent"


def hurry(page: Page) -> None:
    """The page's clock and timers run five times as fast: its patience of ten seconds is two."""
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
    page: Page, house: House, status: int
) -> None:
    begin(page, house)
    page.route("**/v1/sessions/*", lambda route: blocked(route, status))
    page.route("**/whep/*", lambda route: blocked(route, status))
    house.cut()
    until(page, f"{TEXT}.includes('answered {status}')")
    until_state(page, "reconnecting")
    page.unroute("**/v1/sessions/*")
    page.unroute("**/whep/*")
    until_state(page, "live")
    assert len(house.guests) == 1 and not house.guest.ended_by_page


def blocked(route: Route, status: int) -> None:
    route.fulfill(status=status, content_type="text/html", body="<h1>Denied by the firewall</h1>")


def test_a_refused_token_does_not_end_a_game_that_runs(browser: Browser, house: House) -> None:
    with open_page(browser, house) as page:
        hurry(page)
        page.reload()
        begin(page, house)
        house.takes_tokens = False
        num_before, frames = house.num_looks, stats(page)["frames"]
        wait_for(page, lambda: house.num_looks > num_before + 2, "refused looks")
        until(page, f"nextframe.stats().frames > {frames + 20}")
        assert stats(page)["state"] == "live" and not house.guest.ended_by_page
        house.takes_tokens = True


def test_a_refused_token_is_said_when_the_connection_is_gone_too(page: Page, house: House) -> None:
    begin(page, house)
    house.takes_tokens = False
    house.cut()
    until_state(page, "ended")
    assert "The token has expired." in page.inner_text("#overlay-text")
    assert not house.guest.ended_by_page
    house.takes_tokens = True  # a clock was wrong: the world is still there
    page.get_by_role("button", name="Choose another place").click()
    page.get_by_role("button", name="Go on with your world").click()
    until_state(page, "live")
    assert len(house.guests) == 1


def test_a_browser_without_a_codec_is_told_before_a_session_is_created(
    page: Page, house: House
) -> None:
    house.video = ["video/H266"]
    page.goto(house.url)
    until(page, "document.getElementById('offer').textContent.includes('cannot decode')")
    assert page.locator("#play").is_disabled() and not house.guests


def test_a_browser_without_webrtc_is_told(page: Page, house: House) -> None:
    page.add_init_script("delete window.RTCPeerConnection")
    page.goto(house.url)
    until(page, "document.getElementById('offer').textContent.includes('WebRTC')")
    assert page.locator("#play").is_disabled()


def test_a_browser_that_plays_nothing_by_itself_plays_after_a_tap(page: Page, house: House) -> None:
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
    page.goto(house.url)
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
    browser: Browser, house: House
) -> None:
    with open_page(browser, house) as page:
        hurry(page)
        page.goto(house.url)
        house.is_reachable = False
        page.click("#play")
        until(page, f"{TEXT}.includes('SSH tunnel')")
        assert page.get_by_role("button", name="Try now").is_visible()
        house.is_reachable = True
        page.evaluate(TRY_NOW)  # at once, or the page has tried by itself and the button is gone
        until_state(page, "live")
        assert len(house.guests) == 1


def test_a_world_that_sends_no_picture_is_explained(browser: Browser, house: House) -> None:
    with open_page(browser, house) as page:
        hurry(page)
        page.goto(house.url)
        begin(page, house)
        house.is_drawing = False
        until(page, f"{NOTICE}.startsWith('No new frame for')")
        until(page, f"{TEXT}.includes('no picture is being sent')")
        house.is_drawing = True
        until_state(page, "live")
        assert len(house.guest.offers) == 1


def test_input_that_does_not_arrive_is_reported(world: World) -> None:
    world.guest.is_heard = False
    until(world.page, f"{NOTICE} === 'Your keys do not reach the world just now.'")
    world.guest.is_heard = True
    until(world.page, f"{NOTICE} === ''")


@pytest.mark.parametrize("takes_patches", [True, False])
def test_candidates_are_trickled_and_not_needed(
    page: Page, house: House, takes_patches: bool
) -> None:
    page.context.grant_permissions(["microphone"])  # then Chromium hides no address behind a name
    house.takes_patches = takes_patches
    begin(page, house)
    wait_for(page, lambda: house.guest.fragments, "a fragment")
    assert all("a=ice-ufrag:" in one and "a=candidate:" in one for one in house.guest.fragments)
    assert "a=candidate:" not in house.guest.offers[0]  # it waited for none
    assert stats(page)["state"] == "live" and len(house.guest.offers) == 1
