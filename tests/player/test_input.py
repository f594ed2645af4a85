"""Keys, gamepad and small screens in a real browser, beyond the tests of single modules."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.player.browser import until, until_state, wait_for
from tests.player.fake_server import BUTTONS, FakeServer, LivePage
from tests.player.test_return import begin

pytestmark = pytest.mark.e2e

FORWARD = 1 << BUTTONS.index("forward")
ACT = 1 << BUTTONS.index("act")
GAMEPAD = """
  window.button = (value) => ({ pressed: value > 0, value });
  window.pad = { connected: true, mapping: "standard", id: "test", index: 0, axes: [0, 0, 0, 0],
                 buttons: Array.from({ length: 17 }, () => button(0)) };
  window.hasPad = false;
  navigator.getGamepads = () => [null, window.hasPad ? window.pad : null];
  window.plug = (isIn) => {
    window.hasPad = isIn;
    window.dispatchEvent(new Event(isIn ? "gamepadconnected" : "gamepaddisconnected"));
  };
"""
ISLAND = {
    "buttons": ["up", "do"],
    "degrees_per_count": 0,
    "keys": [
        {"button": "up", "label": "walk", "code": "ArrowUp", "pad": 12},
        {"button": "do", "label": "gather, hit", "code": "Space", "pad": 0},
    ],
}


def keys_shown(page: Page) -> list[str]:
    until(page, "!document.getElementById('play').disabled")
    rows: list[str] = page.evaluate(
        """[...document.querySelectorAll(".keys div")].map((row) =>
          [...row.querySelectorAll("kbd, dd")].map((part) => part.textContent).join(" "))"""
    )
    return rows


def test_meta_lets_go_of_the_keys_that_it_hides(world: LivePage) -> None:
    world.page.keyboard.down("KeyW")
    wait_for(world.page, lambda: world.guest.actions[-1].held == FORWARD, "held")
    world.page.keyboard.press("Meta")
    wait_for(world.page, lambda: world.guest.actions[-1].held == 0, "let go")
    world.page.keyboard.up("KeyW")


def test_ctrl_a_marks_nothing_while_a_world_is_played(world: LivePage) -> None:
    world.page.keyboard.press("Control+a")
    assert world.page.evaluate("getSelection().toString()") == ""


def test_the_title_leaves_the_browser_its_keys(page: Page, server: FakeServer) -> None:
    page.keyboard.press("Control+a")
    assert "Nobody built this place" in page.evaluate("getSelection().toString()")
    is_free = """(code) => document.dispatchEvent(
        new KeyboardEvent('keydown', {code, bubbles: true, cancelable: true}))"""
    for code in ("F3", "F5", "KeyR", "Space", "ArrowDown"):
        assert page.evaluate(is_free, code), code


def test_keys_are_named_as_on_the_players_keyboard(page: Page, server: FakeServer) -> None:
    page.add_init_script(
        """
        const azerty = new Map([["KeyW", "z"], ["KeyA", "q"], ["KeyS", "s"], ["KeyD", "d"]]);
        navigator.keyboard.getLayoutMap = async () => azerty;
        """
    )
    page.goto(server.url)
    assert keys_shown(page)[0] == "Z Q S D walk"


def test_without_a_layout_a_key_is_named_when_it_is_pressed(page: Page, server: FakeServer) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'keyboard', { value: undefined })")
    page.goto(server.url)
    assert keys_shown(page)[0] == "W A S D walk"
    page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {code: 'KeyW', key: 'z'}))")
    assert keys_shown(page)[0] == "Z A S D walk"


def test_a_gamepad_walks_turns_and_acts(page: Page, server: FakeServer) -> None:
    page.add_init_script(GAMEPAD)
    page.goto(server.url)
    assert not any("stick" in row for row in keys_shown(page))
    page.evaluate("plug(true)")
    assert "left stick walk" in keys_shown(page) and "right stick look around" in keys_shown(page)
    actions = begin(page, server)
    page.evaluate("pad.axes = [0, -1, 0.9, 0]; pad.buttons[0] = button(1)")
    wait_for(page, lambda: actions[-1].held == FORWARD | ACT, "walking and acting")
    turned = actions[-1].x_total
    wait_for(page, lambda: actions[-1].x_total > turned + 100, "turning")
    page.evaluate("plug(false)")
    wait_for(page, lambda: actions[-1].held == 0, "let go")


def test_a_world_with_its_own_keys_and_no_camera(page: Page, server: FakeServer) -> None:
    server.world = ISLAND
    page.goto(server.url)
    shown = ["↑ walk", "Space gather, hit", "R begin anew", "F3 figures"]
    assert keys_shown(page) == shown
    actions = begin(page, server)
    assert page.evaluate("document.pointerLockElement") is None
    assert not page.locator("#hint").is_visible()
    page.keyboard.down("ArrowUp")
    wait_for(page, lambda: actions[-1].held == 1, "the world's own key")


@pytest.mark.parametrize("width", [360, 390, 480, 640, 1280])
def test_figures_cover_no_button(world: LivePage, width: int) -> None:
    with sized(world.page, width, 844):
        world.page.keyboard.press("F3")
        world.page.wait_for_timeout(50)
        figures = box(world.page.locator("#hud"))
        assert figures["x"] >= 0 and figures["x"] + figures["width"] <= width
        for button in world.page.locator("#tools button").all():
            assert not overlap(figures, box(button)), button.inner_text()
        world.page.keyboard.press("F3")


@contextmanager
def sized(page: Page, width: int, height: int) -> Iterator[None]:
    before = page.viewport_size
    assert before
    page.evaluate("document.exitPointerLock()")
    page.set_viewport_size({"width": width, "height": height})
    yield
    page.set_viewport_size(before)


def box(shown: Locator) -> Any:
    found = shown.bounding_box()
    assert found
    return found


def overlap(one: Any, other: Any) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "width"), ("y", "height"))
    )


def test_everything_that_is_said_lies_in_a_landmark(world: LivePage) -> None:
    outside = world.page.evaluate(
        """() => {
          const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const found = [];
          while (words.nextNode()) {
            const { parentElement: element, data } = words.currentNode;
            if (!data.trim() || element.closest("main, noscript")) continue;
            found.push(data.trim());
          }
          return found;
        }"""
    )
    assert outside == [], json.dumps(outside)


def test_thumbs_have_their_buttons_on_a_phone(browser: Browser, server: FakeServer) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    page.goto(server.url)
    page.tap("#play")
    until_state(page, "live")
    assert page.locator("#pad .act").inner_text() == "act"
    page.tap("#figures")
    tools = page.locator("#tools button:visible").all()
    for button in tools:
        at = box(button)
        middle = [at["x"] + at["width"] / 2, at["y"] + at["height"] / 2]
        hit = page.evaluate("([x, y]) => document.elementFromPoint(x, y).id", middle)
        assert hit == button.get_attribute("id")
    context.close()
