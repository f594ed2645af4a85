"""Third-party WHEP players watch a session in a real Chromium, from another origin."""

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from services.play.plan import ROOT
from tests.player.browser import FLAGS
from tests.services.ingest.ingest_kit import FakeReplica, RunningIngest, running_ingest

pytestmark = [pytest.mark.e2e, pytest.mark.redis, pytest.mark.asyncio, pytest.mark.timeout(180)]

PACKAGES = ("@eyevinn/webrtc-player@0.13.0", "whip-whep@1.2.0")
FOLDER = ROOT / "build" / "whep-players"  # kept from one run to the next
PAGE = Path(__file__).parent / "whep_players"
INSTALL_S = 120


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def players() -> Path:
    """Installs the players from npm. Skips without npm or without a registry."""
    npm = shutil.which("npm")
    if npm is None:
        return _unavailable("no npm here (Debian: apt-get install npm)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in PAGE.iterdir():
        shutil.copy(file, FOLDER)
    if not (FOLDER / "node_modules" / "whip-whep").is_dir():
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
        done = subprocess.run(
            [*command, "--prefix", str(FOLDER), *PACKAGES],
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
        )
        if done.returncode:
            return _unavailable(f"npm installs nothing: {done.stderr[-200:]}")
    return FOLDER


def _unavailable(reason: str) -> Path:
    message = f"{reason}, so no third-party player was tried"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def origin(players: Path) -> Iterator[str]:
    """The players' page on a separate origin."""
    handler = partial(_Files, directory=str(players))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest_asyncio.fixture
async def ingest(redis_url: str, origin: str) -> AsyncIterator[RunningIngest]:
    async with running_ingest(redis_url, allowed_origins=(origin,)) as ingest:
        yield ingest


@pytest_asyncio.fixture
async def page(chromium: str, origin: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = await browser.new_page()
        await page.goto(origin)
        yield page
        await browser.close()


@pytest.mark.parametrize("name", ["whip-whep", "@eyevinn/webrtc-player", "stopped sections"])
async def test_a_player_that_others_wrote_watches(
    ingest: RunningIngest, page: Page, name: str
) -> None:
    async with FakeReplica() as replica:
        await ingest.live("s1", replica)
        called = [name, f"{ingest.url}/whep/s1", ingest.tokens.mint("s1")]
        await page.evaluate("([name, url, token]) => watch(name, url, token)", called)
        async with asyncio.timeout(30):
            await page.evaluate("shown(25)")  # a second of the replica's
        await page.evaluate("stop()")
        async with asyncio.timeout(10):  # it knew where its connection lives
            await replica.until(lambda: not replica.links)
