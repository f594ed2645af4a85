"""The title screen with several served worlds."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.player.browser import until, until_state
from tests.player.fake_server import FakeServer
from tests.player.raycast_scene import RayCastScene, to_data_url

pytestmark = pytest.mark.e2e

STILL = to_data_url(RayCastScene(0.0).draw())
MOVING = "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="


def offered(name: str, title: str, *starts: str, **more: Any) -> dict[str, Any]:
    cards = [{"index": i, "name": start, "image": STILL} for i, start in enumerate(starts)]
    input = {"buttons": ["forward", "turn_left", "act"], "degrees_per_count": 0.1}
    world = {"name": name, "title": title, "version": "1", "fps": 17.5, "width": 8, "height": 8}
    return {**world, **input, "starts": cards, **more}


HALL = offered("hall", "The hall", "Red wall", "Blue wall", preview=MOVING)
ISLE = offered("isle", "", "Beach", preview=MOVING)


@pytest.fixture
def page(page: Page, server: FakeServer) -> Page:
    """A page at the title screen of a server with two worlds."""

    def answer(route: Route) -> None:
        route.fulfill(content_type="application/json", body=json.dumps({"worlds": [HALL, ISLE]}))

    page.route("**/v1/worlds", answer)
    page.goto(server.url)
    until(page, "!document.getElementById('play').disabled")
    return page


def captions(page: Page, group: str) -> list[str]:
    return page.locator(f"#{group} .card span").all_text_contents()


def test_a_world_is_chosen_first_and_then_one_of_its_own_starts(
    page: Page, server: FakeServer
) -> None:
    assert captions(page, "worlds") == ["The hall", "isle"]
    assert captions(page, "starts") == ["Red wall", "Blue wall"]
    page.get_by_text("isle").click()
    assert captions(page, "starts") == ["Beach"]
    page.get_by_text("The hall").click()
    page.get_by_text("Blue wall").click()
    page.click("#play")
    until_state(page, "live")
    assert server.guest.asked == {"world": "hall", "start": 1}


def test_the_address_chooses_the_world(page: Page, server: FakeServer) -> None:
    page.goto(f"{server.url}/?world=isle")
    until(page, "!document.getElementById('play').disabled")
    assert page.locator("#worlds :checked").count() == 1
    assert captions(page, "starts") == ["Beach"]


def test_the_keyboard_alone_chooses_a_world(page: Page, server: FakeServer) -> None:
    page.locator("#worlds input").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until_state(page, "live")
    assert server.guest.asked == {"world": "isle", "start": 0}


def test_previews_move_only_for_who_does_not_mind(page: Page, browser: Browser) -> None:
    shown = "document.querySelector('#worlds img').currentSrc.slice(0, 15)"
    until(page, f"{shown} === 'data:image/webp'")
    page.emulate_media(reduced_motion="reduce")
    until(page, f"{shown} === 'data:image/jpeg'")


def test_one_world_alone_is_not_asked_for(page: Page, server: FakeServer) -> None:
    page.unroute_all()
    page.goto(server.url)
    until(page, "!document.getElementById('play').disabled")
    assert page.locator("#worlds").count() == 0
