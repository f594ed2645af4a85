"""`python -m tests.e2e.feel`: measures play in real browsers over all real services with the page's
own figures. A measurement for the README, not a test."""

import argparse
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from playwright.sync_api import Browser, Page

from tests.e2e.stack import Stack, running_stack
from tests.player.browser import open_browser, stats, until

KEYS = ("KeyW", "ArrowLeft", "KeyS", "ArrowRight", "KeyA", "KeyD")
HELD_MS, RESTED_MS = 700, 300
SETTLE_MS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.feel", description=__doc__)
    parser.add_argument("--players", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or parser.error("needs Chromium (apt-get install chromium)")
    with running_stack({}) as stack, open_browser(chromium) as browser, ExitStack() as visits:
        players = [visits.enter_context(playing(browser, stack)) for _ in range(arguments.players)]
        pages = [page for page, _ in players]
        pages[0].wait_for_timeout(SETTLE_MS)
        frames, began_s = [stats(page)["frames"] for page in pages], time.monotonic()
        play(pages, arguments.seconds)
        took_s = time.monotonic() - began_s
        print("player  first frame  frames/s  action to photon p50   p95  level")
        for number, (page, first_frame_s) in enumerate(players):
            now = stats(page)
            fps = (now["frames"] - frames[number]) / took_s
            latency = now["action_to_photon_ms"]
            print(
                f"{number:6}  {first_frame_s:9.2f} s  {fps:8.2f}  {latency['p50']:17.0f} ms"
                f"  {latency['p95']:4.0f}  {now['level']:6}"
            )


@contextmanager
def playing(browser: Browser, stack: Stack) -> Iterator[tuple[Page, float]]:
    """A page with a moving world, and the seconds from the click to the first frame."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(stack.page_url)
    until(page, "!document.getElementById('play').disabled", timeout_s=60)
    clicked_s = time.monotonic()
    page.click("#play")
    until(page, "nextframe.stats().frames > 0", timeout_s=60)
    yield page, time.monotonic() - clicked_s
    context.close()


def play(pages: list[Page], seconds: float) -> None:
    """All pages hold the same keys, one after the other."""
    ends_s, turn = time.monotonic() + seconds, 0
    while time.monotonic() < ends_s:
        key = KEYS[turn % len(KEYS)]
        for page in pages:
            page.keyboard.down(key)
        pages[0].wait_for_timeout(HELD_MS)
        for page in pages:
            page.keyboard.up(key)
        pages[0].wait_for_timeout(RESTED_MS)
        turn += 1


if __name__ == "__main__":
    main()
