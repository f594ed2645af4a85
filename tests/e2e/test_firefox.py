"""A stock Firefox plays with `make play`: without H.264 and without media over loopback."""

import time
from collections.abc import Iterator

import pytest

from services.play.plan import ROOT
from tests.e2e.firefox import ARROW_LEFT, Firefox, open_firefox
from tests.e2e.stack import Stack, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

SHOTS = ROOT / "build" / "e2e"
PATIENCE_S = 60.0
SAMPLE_S = 5.0
# A grey thumbnail of what the page shows, as one number per pixel.
THUMBNAIL = """(() => {
  const canvas = new OffscreenCanvas(32, 20);
  const context = canvas.getContext("2d");
  context.drawImage(document.getElementById("view"), 0, 0, 32, 20);
  return [...context.getImageData(0, 0, 32, 20).data].filter((_, i) => i % 4 === 1);
})()"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack({}) as running:
        yield running


@pytest.fixture
def firefox(firefox_path: str) -> Iterator[Firefox]:
    with open_firefox(firefox_path) as opened:
        opened.set_viewport(1280, 800)
        yield opened


def test_a_stock_firefox_plays(firefox: Firefox, stack: Stack) -> None:
    firefox.goto(stack.page_url)
    firefox.until("!document.getElementById('play').disabled", timeout_s=PATIENCE_S)
    clicked_s = time.monotonic()
    firefox.click("play")
    firefox.until("nextframe.stats().frames > 0", timeout_s=PATIENCE_S)
    first_frame_s = time.monotonic() - clicked_s
    assert firefox.evaluate("nextframe.stats().state") == "live"
    began, began_s = firefox.evaluate("nextframe.stats().frames"), time.monotonic()
    before = firefox.evaluate(THUMBNAIL)
    firefox.key_down(ARROW_LEFT)
    time.sleep(SAMPLE_S)
    after = firefox.evaluate(THUMBNAIL)
    firefox.key_up(ARROW_LEFT)
    fps = (firefox.evaluate("nextframe.stats().frames") - began) / (time.monotonic() - began_s)
    firefox.screenshot(SHOTS / "firefox.png")
    latency = firefox.until("nextframe.stats().action_to_photon_ms", timeout_s=PATIENCE_S)
    print(f"first frame {first_frame_s:.2f} s, {fps:.1f} frames/s, {latency}")
    firefox.click("leave")
    assert first_frame_s < 20
    assert fps > 5
    changed = sum(abs(a - b) for a, b in zip(after, before, strict=True)) / len(after)
    assert changed > 4  # of 255: the player has turned
