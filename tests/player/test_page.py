"""The page in a real browser with a fake server: every state and every input device."""

import pytest
from playwright.sync_api import Browser, Page

from tests.player.browser import stats, until, until_state, wait_for
from tests.player.fake_server import BUTTONS, FakeServer, LivePage

pytestmark = pytest.mark.e2e

FORWARD = 1 << BUTTONS.index("forward")
TURN_LEFT = 1 << BUTTONS.index("turn_left")
ACT = 1 << BUTTONS.index("act")


def begin(page: Page) -> None:
    page.click("#play")
    until_state(page, "live")


def test_one_click_shows_a_moving_world(page: Page) -> None:
    begin(page)
    until(page, "nextframe.stats().frames > 20")
    assert page.locator("video#view").is_visible()
    assert page.evaluate("document.getElementById('view').videoWidth") == 512
    assert not page.locator("#overlay").is_visible()


def test_stats_are_the_promised_object(page: Page, server: FakeServer) -> None:
    nothing = {"p50": None, "p95": None}
    assert stats(page) == {
        "state": "idle",
        "session_id": None,
        "fps": 0,
        "action_to_photon_ms": nothing,
        "frames": 0,
        "level": 0,
        "speculative_share": 0,
    }
    begin(page)
    until(page, "nextframe.stats().action_to_photon_ms.p95")
    until(page, "nextframe.stats().fps > 12")
    now = stats(page)
    assert now["session_id"] == server.guest.session_id
    assert 0 < now["action_to_photon_ms"]["p50"] <= now["action_to_photon_ms"]["p95"] < 1000
    assert 0.1 < now["speculative_share"] < 0.5  # the server says: one frame in four


def test_the_address_chooses_start_and_seed(page: Page, server: FakeServer) -> None:
    page.goto(f"{server.url}/?world=room&start=2&seed=42")
    begin(page)
    assert server.guest.asked == {"world": "room", "start": 2, "seed": 42}


def test_a_world_that_is_not_there_is_said(page: Page, server: FakeServer) -> None:
    page.goto(f"{server.url}/?world=atlantis")
    until(page, "document.getElementById('offer').textContent.includes('atlantis')")
    assert page.locator("#play").is_enabled()


def test_a_card_chooses_the_start(page: Page, server: FakeServer) -> None:
    page.get_by_text("Blue wall").click()
    begin(page)
    assert server.guest.asked == {"world": "room", "start": 1}


def test_the_keyboard_alone_chooses_and_begins(page: Page, server: FakeServer) -> None:
    page.locator("#starts input").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until_state(page, "live")
    assert server.guest.asked == {"world": "room", "start": 1}


def test_the_title_waits_until_a_world_is_awake(page: Page, server: FakeServer) -> None:
    server.has_worlds = False
    page.goto(server.url)
    until(page, "document.getElementById('offer').textContent.includes('No world is awake')")
    assert page.locator("#play").is_disabled()
    server.has_worlds = True
    until(page, "!document.getElementById('play').disabled")


def test_the_title_names_the_keys_that_the_world_knows(page: Page, server: FakeServer) -> None:
    named = page.locator(".keys dd:visible")
    until(page, "!document.getElementById('play').disabled")
    page_keys = ["look around", "free the mouse", "begin anew", "figures"]
    assert named.all_text_contents() == ["walk", "turn", "act", *page_keys]
    server.world["buttons"] = ("forward", "back", "jump", "attack")
    page.goto(server.url)
    until(page, "!document.getElementById('play').disabled")
    assert named.all_text_contents() == ["walk", "jump", "hit", *page_keys]


def test_keys_are_held_until_they_are_let_go(world: LivePage) -> None:
    world.page.keyboard.down("KeyW")
    world.page.keyboard.down("ArrowLeft")
    wait_for(world.page, lambda: world.guest.actions[-1].held == FORWARD | TURN_LEFT, "both held")
    world.page.keyboard.up("KeyW")
    wait_for(world.page, lambda: world.guest.actions[-1].held == TURN_LEFT, "one held")


def test_a_tap_shorter_than_a_frame_counts(world: LivePage) -> None:
    world.page.keyboard.press("Space")
    wait_for(world.page, lambda: any(a.pressed & ACT for a in world.guest.actions), "the tap")


def test_everything_is_let_go_when_the_window_is_left(world: LivePage) -> None:
    world.page.keyboard.down("KeyW")
    wait_for(world.page, lambda: world.guest.actions[-1].held == FORWARD, "held")
    world.page.evaluate("window.dispatchEvent(new Event('blur'))")
    wait_for(world.page, lambda: world.guest.actions[-1].held == 0, "let go")


def test_actions_come_by_themselves_and_in_order(world: LivePage) -> None:
    num_before = len(world.guest.actions)
    wait_for(world.page, lambda: len(world.guest.actions) > num_before + 20, "actions")
    seqs = [action.seq for action in world.guest.actions]
    assert seqs == sorted(set(seqs))


def test_the_locked_mouse_turns(world: LivePage) -> None:
    world.page.mouse.move(300, 300)
    world.page.mouse.click(300, 300)
    until(world.page, "document.pointerLockElement === document.getElementById('view')")
    world.page.mouse.move(420, 300)
    world.page.mouse.move(460, 300)
    wait_for(world.page, lambda: world.guest.actions[-1].x_total != 0, "motion")


def test_the_line_shows_the_place_and_can_be_left(page: Page, server: FakeServer) -> None:
    server.new_status = "queued"
    page.click("#play")
    wait_for(page, lambda: server.guests, "a session")
    server.guest.position, server.guest.eta_s = 3, 130
    until(page, "document.getElementById('overlay-title').textContent.startsWith('3 ahead')")
    assert "About 2 minutes" in page.inner_text("#overlay-text")
    server.guest.position = 0
    until(page, "document.getElementById('overlay-title').textContent.startsWith('You are next')")
    page.get_by_role("button", name="Leave the line").click()
    until_state(page, "idle")
    wait_for(page, lambda: server.guest.ended_by_page, "the session's end")


def test_a_place_that_comes_free_starts_the_world(page: Page, server: FakeServer) -> None:
    server.new_status = "queued"
    page.click("#play")
    until_state(page, "waiting")
    server.guest.status = "live"
    until_state(page, "live")


def test_a_full_line_says_so_and_when_to_try_again(page: Page, server: FakeServer) -> None:
    server.refuse = (429, "Sixty-four players are waiting already.", {"Retry-After": "2"})
    page.click("#play")
    until_state(page, "refused")
    assert "Sixty-four players are waiting already." in page.inner_text("#overlay-text")
    count = "document.getElementById('overlay-count').textContent"
    assert page.evaluate(count) == "You can try again in 2 s."
    again = page.get_by_role("button", name="Try again")
    assert again.is_disabled()
    server.refuse = None
    until(page, f"{count} === 'You can try again in 1 s.'")
    until(page, f"{count} === 'You can try again now.'")
    again.click()
    until_state(page, "live")


def test_a_cut_connection_comes_back_to_the_same_session(page: Page, server: FakeServer) -> None:
    begin(page)
    frames, session = stats(page)["frames"], server.guest.session_id
    server.cut()
    until_state(page, "reconnecting")
    until_state(page, "live")
    until(page, f"nextframe.stats().frames > {frames}")
    assert stats(page)["session_id"] == session
    assert len(server.guests) == 1
    assert len(server.guest.offer_tokens) == 2 and server.guest.offer_tokens[1] != "first"


def test_actions_go_on_counting_after_a_reconnect(page: Page, server: FakeServer) -> None:
    begin(page)
    wait_for(page, lambda: len(server.guest.actions) > 5, "actions")
    newest = server.guest.actions[-1].seq
    server.cut()
    until_state(page, "reconnecting")
    until_state(page, "live")
    num_before = len(server.guest.actions)
    wait_for(page, lambda: len(server.guest.actions) > num_before, "actions after it")
    assert server.guest.actions[-1].seq > newest


def test_six_seconds_of_silence_are_a_lost_connection(page: Page, server: FakeServer) -> None:
    begin(page)
    server.are_heartbeats_answered = False
    until_state(page, "reconnecting", timeout_s=12)
    server.are_heartbeats_answered = True
    until_state(page, "live")


def test_a_session_that_is_gone_ends_with_the_reason(page: Page, server: FakeServer) -> None:
    begin(page)
    server.cut()
    server.guests.clear()
    until_state(page, "ended")
    assert "This world is gone." in page.inner_text("#overlay-text")


def test_a_paused_world_goes_on_when_asked(page: Page, server: FakeServer) -> None:
    begin(page)
    server.guest.status = "paused"
    server.send(type="paused", reason="nobody was there for a while")
    until_state(page, "paused")
    assert "Nobody was there for a while." in page.inner_text("#overlay-text")
    page.get_by_role("button", name="Continue").click()
    until_state(page, "live")
    assert len(server.guests) == 1
    assert server.guest.offer_tokens[-1] != "first"  # it may have expired meanwhile


def test_a_mouse_that_is_granted_late_does_not_stay_behind_a_pause(
    page: Page, server: FakeServer
) -> None:
    """On a slow machine the lock came after the pause, and no button could be clicked."""
    page.add_init_script(
        """
        const ask = Element.prototype.requestPointerLock;
        Element.prototype.requestPointerLock = async function (options) {
          await new Promise((done) => setTimeout(done, 1500));
          await ask.call(this, options);
          window.isGranted = true;
        };
        """
    )
    page.goto(server.url)
    begin(page)
    server.guest.status = "paused"
    server.send(type="paused", reason="nobody was there for a while")
    until_state(page, "paused")
    until(page, "window.isGranted === true")
    until(page, "document.pointerLockElement === null")
    page.get_by_role("button", name="Continue").click()


def test_a_page_out_of_sight_gives_its_place_away(page: Page, server: FakeServer) -> None:
    page.add_init_script(
        """
        const later = window.setTimeout;  // a minute of patience, shortened
        window.setTimeout = (run, ms) => later(run, ms === 60_000 ? 300 : ms);
        """
    )
    page.goto(server.url)
    begin(page)
    page.evaluate(
        """Object.defineProperty(document, "hidden", { value: true });
        document.dispatchEvent(new Event("visibilitychange"))"""
    )
    until_state(page, "paused")
    assert "out of sight" in page.inner_text("#overlay-text")
    wait_for(page, lambda: server.guest.has_disconnected, "the release of the player lock")


def test_an_ended_world_says_why_and_offers_a_new_one(page: Page, server: FakeServer) -> None:
    begin(page)
    server.send(type="ending", reason="one hour is the longest a dream may last")
    until_state(page, "ended")
    assert "One hour is the longest a dream may last." in page.inner_text("#overlay-text")
    page.get_by_role("button", name="Dream again").click()
    until_state(page, "live")
    assert len(server.guests) == 2


def test_a_moving_world_says_so_until_its_next_frame(page: Page, server: FakeServer) -> None:
    begin(page)
    server.guest.status = "queued"
    server.send(type="moving", reason="")
    server.send(type="status", status="queued", position=0)
    until_state(page, "connecting")  # though the last frames still arrive
    words = "document.getElementById('overlay-text').innerText"
    until(page, f"{words}.includes('moving to another machine')")
    server.guest.status = "live"
    server.send(type="status", status="live")
    until_state(page, "live")


def test_a_lowered_quality_is_shown_without_covering_the_world(world: LivePage) -> None:
    world.guest.level = 2
    until(world.page, "nextframe.stats().level === 2")
    until(world.page, "document.getElementById('notice').textContent.includes('simpler')")
    assert not world.page.locator("#overlay").is_visible()
    world.guest.level = 0
    until(world.page, "document.getElementById('notice').textContent === ''")


def test_r_and_its_button_begin_the_dream_anew_in_the_same_session(world: LivePage) -> None:
    session = stats(world.page)["session_id"]
    world.page.keyboard.press("r")
    wait_for(world.page, lambda: world.guest.num_resets == 1, "a reset")
    until(world.page, "document.getElementById('notice').textContent.startsWith('Back where')")
    world.page.evaluate("document.exitPointerLock()")
    world.page.get_by_role("button", name="Begin anew").click()
    wait_for(world.page, lambda: world.guest.num_resets == 2, "another")
    assert stats(world.page)["session_id"] == session
    until(world.page, "document.getElementById('notice').textContent === ''")


def test_f3_shows_the_figures(world: LivePage) -> None:
    assert not world.page.locator("#hud").is_visible()
    world.page.keyboard.press("F3")
    until(
        world.page, "document.querySelector('[data-figure=rate]').textContent.match(/^\\d+ kbit/)"
    )
    until(
        world.page, "document.querySelector('[data-stage=denoise] output').textContent === '24.0'"
    )
    world.page.keyboard.press("F3")
    assert not world.page.locator("#hud").is_visible()


def test_without_a_data_channel_the_actions_go_by_websocket(page: Page, server: FakeServer) -> None:
    page.add_init_script(
        """
        const open = RTCPeerConnection.prototype.createDataChannel;
        RTCPeerConnection.prototype.createDataChannel = function (label, options) {
          const channel = open.call(this, label === "input" ? "dead" : label, options);
          const never = { value: "connecting" };
          if (label === "input") Object.defineProperty(channel, "readyState", never);
          return channel;
        };
        """
    )
    page.goto(server.url)
    begin(page)
    page.keyboard.down("KeyW")
    wait_for(
        page, lambda: server.guest.actions and server.guest.actions[-1].held == FORWARD, "by socket"
    )


def test_a_key_stays_held_when_the_pointer_lock_comes(page: Page, server: FakeServer) -> None:
    begin(page)
    until(page, "document.pointerLockElement !== null")
    page.keyboard.down("KeyW")
    page.evaluate("document.dispatchEvent(new Event('pointerlockchange'))")
    first = len(server.guest.actions)
    wait_for(page, lambda: len(server.guest.actions) > first + 4, "more actions")
    assert server.guest.actions[-1].held == FORWARD


def test_thumbs_walk_turn_and_act_on_a_phone(browser: Browser, server: FakeServer) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    page.goto(server.url)
    page.tap("#play")
    until_state(page, "live")
    wait_for(page, lambda: bool(server.guest.actions), "the first action")
    drag(page, ".stick", 0, -40)
    wait_for(page, lambda: server.guest.actions[-1].held == FORWARD, "walking")
    drag(page, ".turn", 60, -30)
    wait_for(page, lambda: server.guest.actions[-1].x_total > 0, "turning")
    assert server.guest.actions[-1].y_total < 0  # up, where a world has a pitch
    drag(page, ".act", 0, 0)
    wait_for(page, lambda: server.guest.actions[-1].held == FORWARD | ACT, "acting")
    context.close()


def drag(page: Page, area: str, dx: int, dy: int) -> None:
    """Puts one finger down in the middle of an area, moves the finger, and holds."""
    page.locator(f"#pad {area}").evaluate(
        """(area, [dx, dy]) => {
          const box = area.getBoundingClientRect();
          const x = box.left + box.width / 2, y = box.top + box.height / 2;
          area.setPointerCapture = () => {};  // a made-up finger cannot be captured
          const fire = (type, clientX, clientY) => area.dispatchEvent(
            new PointerEvent(type, { pointerId: 7, clientX, clientY, bubbles: true }));
          fire("pointerdown", x, y);
          fire("pointermove", x + dx, y + dy);
        }""",
        [dx, dy],
    )
