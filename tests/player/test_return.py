"""Leaving the page and returning to the same world, in a real browser."""

import pytest
from playwright.sync_api import Page

from services.wire.action import Action
from tests.player.browser import stats, until, until_state, wait_for
from tests.player.fake_server import FakeServer

pytestmark = pytest.mark.e2e

LAST = "document.getElementById('last').textContent"


def begin(page: Page, server: FakeServer) -> list[Action]:
    """Plays until actions arrive; later actions go on to the returned list."""
    page.click("#play")
    until_state(page, "live")
    until(page, "nextframe.stats().action_to_photon_ms.p50")
    return server.guest.actions


def test_a_reload_comes_back_to_the_same_world(page: Page, server: FakeServer) -> None:
    actions = begin(page, server)
    page.mouse.move(300, 300)
    page.mouse.move(400, 300)  # the pointer is locked: counts that must not be lost
    page.wait_for_timeout(100)
    page.reload()
    num_before, newest = len(actions), actions[-1]
    until_state(page, "live")
    wait_for(page, lambda: len(actions) > num_before + 5, "actions of the new page")
    assert len(server.guests) == 1 and not server.guest.ended_by_page
    assert stats(page)["session_id"] == server.guest.session_id
    assert server.guest.has_disconnected  # its player lock was free at once
    assert server.guest.offer_tokens[-1] != "first"
    assert actions[num_before].seq > newest.seq  # or the world would drop them
    assert actions[num_before].x_total == newest.x_total  # or the view would jump


def test_back_comes_back_to_the_same_world(page: Page, server: FakeServer) -> None:
    begin(page, server)
    page.goto("about:blank")
    page.go_back()
    until_state(page, "live")
    assert len(server.guests) == 1 and not server.guest.ended_by_page


def test_opening_the_page_anew_offers_to_go_on(page: Page, server: FakeServer) -> None:
    begin(page, server)
    page.goto(server.url)
    go_on = page.get_by_role("button", name="Go on with your world")
    go_on.wait_for()
    assert stats(page)["state"] == "idle"
    go_on.click()
    until_state(page, "live")
    assert len(server.guests) == 1


def test_a_paused_world_is_offered_after_a_reload_and_gives_way_to_a_new_one(
    page: Page, server: FakeServer
) -> None:
    begin(page, server)
    server.guest.status = "paused"
    page.reload()
    page.get_by_role("button", name="Go on with your world").wait_for()
    paused = server.guest
    page.click("#play")
    until_state(page, "live")
    assert len(server.guests) == 2
    wait_for(page, lambda: paused.ended_by_page, "the end of the paused one")


def test_a_world_that_is_over_says_so(page: Page, server: FakeServer) -> None:
    begin(page, server)
    server.guests.clear()
    page.reload()
    until(page, f"{LAST}.startsWith('Your last world is over')")
    assert not page.locator("#go-on").is_visible()
    page.reload()
    until(page, "!document.getElementById('play').disabled")
    assert page.evaluate(LAST) == ""


def test_the_end_button_ends_for_good(page: Page, server: FakeServer) -> None:
    begin(page, server)
    page.evaluate("document.exitPointerLock()")
    page.get_by_role("button", name="End").click()
    until_state(page, "idle")
    wait_for(page, lambda: server.guest.ended_by_page, "the session's end")
    page.reload()
    until(page, "!document.getElementById('play').disabled")
    assert not page.locator("#go-on").is_visible()


def test_a_page_that_the_browser_kept_goes_on(page: Page, server: FakeServer) -> None:
    begin(page, server)
    frames = stats(page)["frames"]
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    wait_for(page, lambda: server.guest.has_disconnected, "the release of the player lock")
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    until(page, f"nextframe.stats().frames > {frames + 5}")
    until_state(page, "live")
    assert len(server.guests) == 1 and len(server.guest.offers) == 2


def test_a_copy_of_the_tab_leaves_the_world_to_the_first(page: Page, server: FakeServer) -> None:
    begin(page, server)
    copied: dict[str, str] = page.evaluate("({...sessionStorage})")
    server.is_player_locked = True
    copy = page.context.new_page()
    copy.goto(server.url)
    copy.evaluate("(items) => Object.assign(sessionStorage, items)", copied)
    copy.reload()
    until_state(copy, "reconnecting")
    assert "Somebody plays this session" in copy.inner_text("#overlay-text")
    copy.get_by_role("button", name="Leave").click()
    until_state(copy, "idle")
    copy.wait_for_timeout(300)
    assert not server.guest.ended_by_page
    assert stats(page)["state"] == "live"
